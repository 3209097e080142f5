/** What the Endpoints object of a Service should say. Pure. */
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Pod,
  Service,
} from '../../../api/generated/core-v1.js';
import { isPodReady, isPodTerminal } from '../../../api/pod-helpers.js';
import { isHeadless } from '../../../api/service-helpers.js';
import {
  familiesOf,
  headlessLabel,
  hostnameFor,
  podAddress,
  podReference,
  portsOn,
  sortedByKey,
} from '../service-pods.js';

/** More addresses than that do not fit into one object; EndpointSlices hold them all. */
const maxAddresses = 1000;
export const managedByLabel = 'endpoints.kubernetes.io/managed-by';
export const managedByUs = 'endpoint-controller';
export const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';

export interface DesiredEndpoints {
  readonly subsets: EndpointSubset[];
  readonly labels: Readonly<Record<string, string>>;
  readonly truncated: boolean;
}

interface Located {
  readonly address: EndpointAddress;
  readonly ready: boolean;
  readonly ports: readonly EndpointPort[];
}

/** `pods` are those that the Service selects. */
export function computeEndpoints(service: Service, pods: readonly Pod[]): DesiredEndpoints {
  const located = sortedByKey(pods).flatMap((pod) => locate(service, pod) ?? []);
  const kept = keepMostUseful(located);
  return {
    subsets: groupByPorts(kept, isHeadless(service) && (service.spec.ports ?? []).length === 0),
    labels: {
      ...service.metadata.labels,
      ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
      [managedByLabel]: managedByUs,
    },
    truncated: kept.length < located.length,
  };
}

function locate(service: Service, pod: Pod): Located | undefined {
  const publishAll = service.spec.publishNotReadyAddresses === true;
  const ip = podAddress(pod, familiesOf(service)[0] ?? 'IPv4');
  if (ip === undefined || isPodTerminal(pod)) return undefined;
  if (pod.metadata.deletionTimestamp !== undefined && !publishAll) return undefined;
  const hostname = hostnameFor(service, pod);
  return {
    address: {
      ip,
      ...(hostname === undefined ? {} : { hostname }),
      ...(pod.spec.nodeName === undefined ? {} : { nodeName: pod.spec.nodeName }),
      targetRef: podReference(pod),
    },
    ready: publishAll || isPodReady(pod),
    ports: portsOn(service, pod),
  };
}

function keepMostUseful(located: readonly Located[]): readonly Located[] {
  if (located.length <= maxAddresses) return located;
  const ready = located.filter((one) => one.ready);
  return [...ready, ...located.filter((one) => !one.ready)].slice(0, maxAddresses);
}

/** One subset per set of ports: Pods may resolve a named port differently. */
function groupByPorts(located: readonly Located[], withoutPorts: boolean): EndpointSubset[] {
  const groups = new Map<string, { ports: EndpointPort[]; members: Located[] }>();
  for (const one of located) {
    if (one.ports.length === 0 && !withoutPorts) continue;
    const ports = [...one.ports].sort((a, b) => compare(JSON.stringify(a), JSON.stringify(b)));
    const id = JSON.stringify(ports);
    const group = groups.get(id) ?? { ports, members: [] };
    groups.set(id, group);
    group.members.push(one);
  }
  return [...groups.entries()]
    .sort(([a], [b]) => compare(a, b))
    .map(([, { ports, members }]) => {
      const addresses = addressesOf(members.filter(({ ready }) => ready));
      const notReadyAddresses = addressesOf(members.filter(({ ready }) => !ready));
      return {
        ...(addresses.length === 0 ? {} : { addresses }),
        ...(notReadyAddresses.length === 0 ? {} : { notReadyAddresses }),
        ...(ports.length === 0 ? {} : { ports }),
      };
    });
}

function addressesOf(members: readonly Located[]): EndpointAddress[] {
  return members.map(({ address }) => address).sort((a, b) => compare(a.ip, b.ip));
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
