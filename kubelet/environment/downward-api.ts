/** What a Pod may know of itself: fields and resources, for variables and for files. Pure. */
import type {
  Container,
  ObjectFieldSelector,
  Pod,
  ResourceFieldSelector,
} from '../../api/generated/core-v1.js';
import { parseQuantity } from '../../api/quantity.js';

export interface PodFacts {
  readonly podIps: readonly string[];
  readonly hostIp: string;
  /** What a container without a limit may use: the node's allocatable resources. */
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The reference names something that a Pod does not have. */
export class DownwardApiError extends Error {
  override readonly name = 'DownwardApiError';
}

export function fieldValue(pod: Pod, facts: PodFacts, selector: ObjectFieldSelector): string {
  const path = selector.fieldPath;
  const subscript = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path);
  if (subscript !== null) {
    const map = subscript[1] === 'labels' ? pod.metadata.labels : pod.metadata.annotations;
    return map?.[subscript[2] ?? ''] ?? '';
  }
  const read = fields[path];
  if (read === undefined) throw new DownwardApiError(`unsupported fieldPath: ${path}`);
  return read(pod, facts);
}

const fields: Readonly<Record<string, (pod: Pod, facts: PodFacts) => string>> = {
  'metadata.name': (pod) => pod.metadata.name,
  'metadata.namespace': (pod) => pod.metadata.namespace,
  'metadata.uid': (pod) => pod.metadata.uid,
  'metadata.labels': (pod) => formatMap(pod.metadata.labels),
  'metadata.annotations': (pod) => formatMap(pod.metadata.annotations),
  'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
  'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
  'status.hostIP': (_pod, facts) => facts.hostIp,
  'status.hostIPs': (_pod, facts) => facts.hostIp,
  'status.podIP': (_pod, facts) => facts.podIps[0] ?? '',
  'status.podIPs': (_pod, facts) => facts.podIps.join(','),
};

/** One `key="value"` a line, in order of keys. */
function formatMap(map: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(map ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .join('\n');
}

/** A limit or request of a container divided by the selector's divisor, rounded up. */
export function resourceValue(
  container: Container,
  facts: PodFacts,
  selector: ResourceFieldSelector,
): string {
  const match = /^(limits|requests)\.(.+)$/.exec(selector.resource);
  if (match === null) throw new DownwardApiError(`unsupported container resource: ${selector.resource}`);
  const [, which = '', name = ''] = match;
  const { limits, requests } = container.resources ?? {};
  const quantity =
    which === 'limits' ? (limits?.[name] ?? facts.allocatable[name]) : (requests?.[name] ?? limits?.[name]);
  const divisor = selector.divisor === undefined || selector.divisor === '0' ? '1' : selector.divisor;
  const value = parseQuantity(quantity ?? '0').nanos;
  const by = parseQuantity(divisor).nanos;
  return String((value + by - 1n) / by);
}
