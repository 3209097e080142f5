/** Which kubelet, and which container, a request about a running pod is for. */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import { nodes, pods } from '../../api/resources.js';
import { StatusError } from '../../api/status-error.js';
import type { ResourceRequest } from '../handlers/context.js';

export interface PodLocation {
  readonly pod: Pod;
  readonly node: Node;
}

const defaultContainerAnnotation = 'kubectl.kubernetes.io/default-container';

/** The pod of a request and its node. Throws NotFound, and BadRequest for a pod without a node. */
export async function locatePod({ path, parts, exchange }: ResourceRequest): Promise<PodLocation> {
  const { storage } = parts.resources.of(pods);
  const pod = (await storage.get(path.namespace, path.name, exchange.signal)).object;
  const nodeName = pod.spec.nodeName ?? '';
  if (nodeName === '') throw new StatusError('BadRequest', `pod ${path.name} does not have a host assigned`);
  const node = await parts.resources.of(nodes).storage.get('', nodeName, exchange.signal);
  return { pod, node: node.object };
}

/** The container that is asked for, or the pod's default one. Throws BadRequest. */
export function chooseContainer({ metadata, spec }: Pod, wanted: string): string {
  const names = [spec.containers, spec.initContainers ?? [], spec.ephemeralContainers ?? []].flatMap((list) =>
    list.map((container) => container.name),
  );
  const name =
    wanted === '' ? (metadata.annotations?.[defaultContainerAnnotation] ?? names[0] ?? '') : wanted;
  if (!names.includes(name))
    throw new StatusError('BadRequest', `container ${name} is not valid for pod ${metadata.name}`);
  return name;
}
