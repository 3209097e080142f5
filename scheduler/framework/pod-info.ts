/** A Pod with what every cycle asks of it, computed once. */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { keyOf } from '../../api/objects.js';
import { accountedRequests } from '../../api/pod-helpers.js';
import type { ResourceAmounts } from '../../api/pod-helpers.js';

/** A port that a container takes on the node itself. */
export interface HostPort {
  /** `0.0.0.0` for all addresses. */
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

export interface PodInfo {
  /** Read-only: it is shared with the informer's cache. */
  readonly pod: Pod;
  /** `namespace/name`. */
  readonly key: string;
  readonly uid: string;
  /** What the Pod is accounted for: a node must have it free. */
  readonly requests: ResourceAmounts;
  /** The same for scores, where a container that names no request counts as a small one. */
  readonly scoringRequests: { readonly cpuMillicores: number; readonly memoryBytes: number };
  readonly hostPorts: readonly HostPort[];
}

/** What a container without a request is taken for when nodes are compared, so that it does not look free of cost. */
export const assumedRequests = { cpuMillicores: 100, memoryBytes: 200 * 1024 * 1024 } as const;

export function toPodInfo(pod: Pod): PodInfo {
  const requests = accountedRequests(pod);
  return {
    pod,
    key: keyOf(pod),
    uid: pod.metadata.uid,
    requests,
    scoringRequests: scoringRequests(pod, requests),
    hostPorts: hostPorts(pod),
  };
}

function scoringRequests(pod: Pod, requests: ResourceAmounts): PodInfo['scoringRequests'] {
  const missing = (resource: 'cpu' | 'memory'): number => {
    if (pod.spec.resources?.requests?.[resource] !== undefined) return 0;
    return pod.spec.containers.filter((container) => container.resources?.requests?.[resource] === undefined)
      .length;
  };
  return {
    cpuMillicores: requests.cpuMillicores + missing('cpu') * assumedRequests.cpuMillicores,
    memoryBytes: requests.memoryBytes + missing('memory') * assumedRequests.memoryBytes,
  };
}

function hostPorts(pod: Pod): readonly HostPort[] {
  const ports: HostPort[] = [];
  const longLived: readonly Container[] = [
    ...pod.spec.containers,
    ...(pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always'),
  ];
  for (const container of longLived) {
    for (const { hostPort, hostIP, protocol, containerPort } of container.ports ?? []) {
      const port = hostPort ?? (pod.spec.hostNetwork === true ? containerPort : 0);
      if (port <= 0) continue;
      ports.push({
        ip: hostIP === undefined || hostIP === '' ? '0.0.0.0' : hostIP,
        protocol: protocol ?? 'TCP',
        port,
      });
    }
  }
  return ports;
}

/** Whether both cannot be open at once: same protocol and port, on a common address. */
export function portsConflict(a: HostPort, b: HostPort): boolean {
  if (a.port !== b.port || a.protocol !== b.protocol) return false;
  return a.ip === b.ip || a.ip === '0.0.0.0' || b.ip === '0.0.0.0';
}
