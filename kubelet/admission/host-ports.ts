/** Ports of the node that Pods have for themselves. Pure. */
import type { Pod } from '../../api/generated/core-v1.js';

interface HostPort {
  readonly protocol: string;
  readonly port: number;
  readonly ip: string;
}

const anyAddress = '0.0.0.0';

function hostPortsOf({ spec }: Pod): HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  return [...spec.containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ hostPort = 0, protocol = 'TCP', hostIP = '' }) =>
      hostPort === 0 ? [] : [{ protocol, port: hostPort, ip: hostIP === '' ? anyAddress : hostIP }],
    ),
  );
}

/** Whether the Pod wants a port that one of the others has. */
export function hostPortsConflict(pod: Pod, others: readonly Pod[]): boolean {
  const taken = others.flatMap(hostPortsOf);
  return hostPortsOf(pod).some((wanted) =>
    taken.some(
      (one) =>
        one.port === wanted.port &&
        one.protocol === wanted.protocol &&
        (one.ip === wanted.ip || one.ip === anyAddress || wanted.ip === anyAddress),
    ),
  );
}
