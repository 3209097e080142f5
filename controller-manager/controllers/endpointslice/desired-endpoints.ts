/** Which endpoints a Service has, grouped as slices must group them: by address family and by set of ports. Pure. */
import type { Pod, Service } from '../../../api/generated/core-v1.js';
import type { Endpoint, EndpointPort } from '../../../api/generated/discovery-v1.js';
import { isPodReady, isPodTerminal } from '../../../api/pod-helpers.js';
import { isHeadless } from '../../../api/service-helpers.js';
import { familiesOf, hostnameFor, podAddress, podReference, portsOn, sortedByKey } from '../service-pods.js';
import type { IpFamily } from '../service-pods.js';

export interface EndpointGroup {
  readonly addressType: IpFamily;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

/**
 * At least one group per family of the Service: an empty one where there are no endpoints, so that whoever watches
 * slices can tell "nothing there" from "not computed yet". `zoneOf` answers with the zone of a node.
 */
export function desiredGroups(
  service: Service,
  pods: readonly Pod[],
  zoneOf: (nodeName: string) => string | undefined,
): EndpointGroup[] {
  const sorted = sortedByKey(pods);
  return familiesOf(service).flatMap((family) => {
    const groups = groupsOfFamily(service, sorted, family, zoneOf);
    return groups.length > 0 ? groups : [{ addressType: family, ports: [], endpoints: [] }];
  });
}

function groupsOfFamily(
  service: Service,
  pods: readonly Pod[],
  family: IpFamily,
  zoneOf: (nodeName: string) => string | undefined,
): EndpointGroup[] {
  const groups = new Map<string, { ports: EndpointPort[]; endpoints: Endpoint[] }>();
  const withoutPorts = isHeadless(service) && (service.spec.ports ?? []).length === 0;
  for (const pod of pods) {
    const address = podAddress(pod, family);
    if (address === undefined || isPodTerminal(pod)) continue;
    // The name is always written in a slice: '' is the name of a Service's only port.
    const ports = portsOn(service, pod).map((port) => ({ ...port, name: port.name ?? '' }));
    if (ports.length === 0 && !withoutPorts) continue;
    const id = portsId(ports);
    const group = groups.get(id) ?? { ports, endpoints: [] };
    groups.set(id, group);
    group.endpoints.push(endpointOf(service, pod, address, zoneOf));
  }
  return [...groups.values()].map((group) => ({ addressType: family, ...group }));
}

/** The same for equal sets of ports, whatever their order. */
export function portsId(ports: readonly EndpointPort[]): string {
  return JSON.stringify(
    ports
      .map(({ name, port, protocol, appProtocol }) =>
        JSON.stringify([name ?? '', port, protocol ?? 'TCP', appProtocol]),
      )
      .sort(),
  );
}

function endpointOf(
  service: Service,
  pod: Pod,
  address: string,
  zoneOf: (nodeName: string) => string | undefined,
): Endpoint {
  const serving = isPodReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const hostname = hostnameFor(service, pod);
  const { nodeName } = pod.spec;
  const zone = nodeName === undefined ? undefined : zoneOf(nodeName);
  return {
    addresses: [address],
    // `ready` is never true for a Pod that is going, so that those who know no more than it send nothing there;
    // `serving` tells whether it could still answer.
    conditions: { ready, serving, terminating },
    ...(hostname === undefined ? {} : { hostname }),
    targetRef: podReference(pod),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
  };
}
