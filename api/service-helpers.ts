/** What endpoints controllers, proxy and printers ask of a Service. */
import type { Pod, Service, ServicePort } from './generated/core-v1.js';

/** The value of `spec.clusterIP` of a Service without a virtual address. */
export const headlessClusterIP = 'None';

export function isHeadless(service: Service): boolean {
  return service.spec.clusterIP === headlessClusterIP;
}

/** Has a virtual address that the proxy must serve. */
export function hasClusterIP(service: Service): boolean {
  const { clusterIP, type } = service.spec;
  return type !== 'ExternalName' && clusterIP !== undefined && clusterIP !== '' && !isHeadless(service);
}

/** NodePort and LoadBalancer Services open a port on each node. */
export function wantsNodePorts(service: Service): boolean {
  return (
    service.spec.type === 'NodePort' ||
    (service.spec.type === 'LoadBalancer' && service.spec.allocateLoadBalancerNodePorts !== false)
  );
}

/**
 * The number of the container port that a Service port leads to: `targetPort` by number, or by the name of a port of the
 * Pod's containers (sidecars included) with the same protocol. Without `targetPort` it is `port`. Undefined when the
 * Pod has no port of that name.
 */
export function findTargetPort(pod: Pod, port: ServicePort): number | undefined {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target === 0 ? port.port : target;
  const sidecars = (pod.spec.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === 'Always');
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const { name, protocol, containerPort } of container.ports ?? [])
      if (name === target && (protocol ?? 'TCP') === (port.protocol ?? 'TCP')) return containerPort;
  }
  return undefined;
}
