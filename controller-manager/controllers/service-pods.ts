/** Which Pods stand behind a Service, and under which addresses and ports. Pure; for Endpoints and EndpointSlices. */
import { isDeepStrictEqual } from 'node:util';
import type { EndpointPort, ObjectReference, Pod, Service } from '../../api/generated/core-v1.js';
import { keyOf } from '../../api/objects.js';
import { isPodReady, isPodTerminal } from '../../api/pod-helpers.js';
import { findTargetPort } from '../../api/service-helpers.js';

export type IpFamily = 'IPv4' | 'IPv6';

/** Services without a selector, and those that are only a DNS name, are none of our business. */
export function hasSelector(service: Service): boolean {
  return service.spec.type !== 'ExternalName' && Object.keys(service.spec.selector ?? {}).length > 0;
}

export function selects(service: Service, pod: Pod): boolean {
  if (!hasSelector(service) || service.metadata.namespace !== pod.metadata.namespace) return false;
  const labels = pod.metadata.labels ?? {};
  return Object.entries(service.spec.selector ?? {}).every(([key, value]) => labels[key] === value);
}

/** The keys of the Services that select a Pod. */
export function servicesOf(pod: Pod, servicesOfNamespace: readonly Service[]): string[] {
  return servicesOfNamespace.filter((service) => selects(service, pod)).map((service) => keyOf(service));
}

/** Whether a change of a Pod can change what stands behind a Service: most status updates cannot. */
export function isSameToServices(before: Pod, after: Pod): boolean {
  return (
    isPodReady(before) === isPodReady(after) &&
    isPodTerminal(before) === isPodTerminal(after) &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp &&
    before.metadata.uid === after.metadata.uid &&
    before.spec.nodeName === after.spec.nodeName &&
    before.status.podIP === after.status.podIP &&
    isDeepStrictEqual(before.status.podIPs, after.status.podIPs) &&
    isDeepStrictEqual(before.metadata.labels, after.metadata.labels)
  );
}

/** The address of a Pod in a family; undefined while it has none. */
export function podAddress(pod: Pod, family: IpFamily): string | undefined {
  const listed = (pod.status.podIPs ?? []).map(({ ip }) => ip);
  const all = listed.length > 0 ? listed : [pod.status.podIP];
  return all.find((ip) => ip !== undefined && ip !== '' && familyOf(ip) === family);
}

export function familyOf(ip: string): IpFamily {
  return ip.includes(':') ? 'IPv6' : 'IPv4';
}

/** The families of a Service, the first one being that of its Endpoints. */
export function familiesOf(service: Service): readonly IpFamily[] {
  const families = service.spec.ipFamilies?.filter((family) => family === 'IPv4' || family === 'IPv6') ?? [];
  if (families.length > 0) return families;
  const { clusterIP } = service.spec;
  return [clusterIP !== undefined && clusterIP.includes(':') ? 'IPv6' : 'IPv4'];
}

/**
 * The ports of a Service as they are on one Pod. A named target port that the Pod does not have is left out, so Pods
 * of one Service may differ.
 */
export function portsOn(service: Service, pod: Pod): EndpointPort[] {
  const ports: EndpointPort[] = [];
  for (const servicePort of service.spec.ports ?? []) {
    const port = findTargetPort(pod, servicePort);
    if (port === undefined) continue;
    ports.push({
      ...(servicePort.name === undefined ? {} : { name: servicePort.name }),
      port,
      protocol: servicePort.protocol ?? 'TCP',
      ...(servicePort.appProtocol === undefined ? {} : { appProtocol: servicePort.appProtocol }),
    });
  }
  return ports;
}

/** A Pod that asks for a DNS name of its own gets it from the headless Service that it names as its subdomain. */
export function hostnameFor(service: Service, pod: Pod): string | undefined {
  const { hostname, subdomain } = pod.spec;
  if (hostname === undefined || hostname === '') return undefined;
  return subdomain === service.metadata.name ? hostname : undefined;
}

export function podReference(pod: Pod): ObjectReference {
  const { namespace, name, uid } = pod.metadata;
  return { kind: 'Pod', namespace, name, uid };
}

/** Labels that say who made the object or what it is: those of the Service must not overwrite them. */
export const headlessLabel = 'service.kubernetes.io/headless';

/** In a stable order, so that the same Pods always give the same object. */
export function sortedByKey(pods: readonly Pod[]): Pod[] {
  return [...pods].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}
