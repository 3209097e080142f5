/** Which endpoints a port of a Service may send to: pure, from the Service's EndpointSlices. */
import type { Endpoint, EndpointSlice } from '../api/generated/discovery-v1.js';
import type { ServicePort } from '../api/generated/core-v1.js';

export interface Target {
  readonly address: string;
  readonly port: number;
}

export interface SelectedTargets {
  /** For traffic that may go to any node. */
  readonly cluster: readonly Target[];
  /** For traffic that must stay on this node. */
  readonly local: readonly Target[];
}

interface Candidate extends Target {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly local: boolean;
}

/**
 * Ready endpoints; when there are none, those that terminate but still serve, so that a rollout whose last old
 * pod goes early is not an outage (KEP-1669). The choice is made for each traffic policy by itself.
 */
export function selectTargets(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  nodeName: string,
): SelectedTargets {
  const candidates = collectCandidates(port, slices, nodeName);
  return {
    cluster: preferReady(candidates),
    local: preferReady(candidates.filter((candidate) => candidate.local)),
  };
}

/** Sorted by address, without duplicates: an endpoint may be in two slices while it moves between them. */
function collectCandidates(
  port: ServicePort,
  slices: readonly EndpointSlice[],
  nodeName: string,
): readonly Candidate[] {
  const found = new Map<string, Candidate>();
  for (const slice of slices) {
    if (slice.addressType !== 'IPv4') continue;
    const number = targetPortIn(slice, port);
    if (number === undefined) continue;
    for (const endpoint of slice.endpoints) {
      const candidate = readEndpoint(endpoint, number, nodeName);
      if (candidate === undefined) continue;
      const key = `${candidate.address}:${candidate.port}`;
      const before = found.get(key);
      if (before === undefined || (!before.ready && candidate.ready)) found.set(key, candidate);
    }
  }
  return [...found.values()].sort((a, b) =>
    a.address === b.address ? a.port - b.port : a.address < b.address ? -1 : 1,
  );
}

/** A slice names its ports as the Service does; the number is that of the pods in this slice. */
function targetPortIn(slice: EndpointSlice, port: ServicePort): number | undefined {
  return slice.ports?.find(
    (candidate) =>
      (candidate.name ?? '') === (port.name ?? '') &&
      (candidate.protocol ?? 'TCP') === (port.protocol ?? 'TCP'),
  )?.port;
}

/** All addresses of an endpoint are the same pod; consumers use the first. Absent `ready` means ready. */
function readEndpoint(endpoint: Endpoint, port: number, nodeName: string): Candidate | undefined {
  const [address] = endpoint.addresses;
  if (address === undefined) return undefined;
  const { ready = true, serving = ready, terminating = false } = endpoint.conditions ?? {};
  return { address, port, ready, serving, terminating, local: endpoint.nodeName === nodeName };
}

function preferReady(candidates: readonly Candidate[]): readonly Target[] {
  const ready = candidates.filter((candidate) => candidate.ready);
  const usable =
    ready.length > 0 ? ready : candidates.filter((candidate) => candidate.serving && candidate.terminating);
  return usable.map(({ address, port }) => ({ address, port }));
}
