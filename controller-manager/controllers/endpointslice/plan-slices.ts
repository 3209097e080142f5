/**
 * From the endpoints that a Service should have and the slices that it has to the fewest writes. Pure.
 *
 * An endpoint stays in the slice where it is, so that one Pod's change rewrites one slice of at most 100 endpoints.
 * New endpoints go into slices that are rewritten anyway, then into one with room for all of them, then into new ones.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../../api/generated/discovery-v1.js';
import { portsId } from './desired-endpoints.js';
import type { EndpointGroup } from './desired-endpoints.js';

export const maxEndpointsPerSlice = 100;

/** What a slice is to contain. `slice` is the one to rewrite; without it a new one is made. */
export interface SliceContent {
  readonly slice: EndpointSlice | undefined;
  readonly addressType: string;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: readonly Endpoint[];
}

export interface SlicePlan {
  readonly write: readonly SliceContent[];
  readonly remove: readonly EndpointSlice[];
}

/** `isMetadataCurrent` says whether labels and owner of a slice are right; a slice whose are not is rewritten. */
export function planSlices(
  groups: readonly EndpointGroup[],
  existing: readonly EndpointSlice[],
  isMetadataCurrent: (slice: EndpointSlice) => boolean,
): SlicePlan {
  const unused = new Set(existing);
  const write: SliceContent[] = [];
  for (const group of groups) {
    const own = existing.filter((slice) => belongsTo(slice, group));
    const drafts = fill(group, own);
    for (const draft of drafts) {
      if (draft.slice !== undefined) unused.delete(draft.slice);
      if (draft.slice === undefined || draft.changed || !isMetadataCurrent(draft.slice))
        write.push(toContent(draft, group));
    }
  }
  return reuse(write, [...unused]);
}

interface Draft {
  readonly slice: EndpointSlice | undefined;
  readonly endpoints: Endpoint[];
  changed: boolean;
}

function belongsTo(slice: EndpointSlice, group: EndpointGroup): boolean {
  return slice.addressType === group.addressType && portsId(slice.ports ?? []) === portsId(group.ports);
}

/** The slices of a group after the change; those that became empty are left out unless the group itself is empty. */
function fill(group: EndpointGroup, own: readonly EndpointSlice[]): Draft[] {
  const missing = new Map(group.endpoints.map((endpoint) => [endpointId(endpoint), endpoint]));
  const drafts: Draft[] = own.map((slice) => keepDesired(slice, missing));
  const left = [...missing.values()];
  for (const draft of drafts) if (draft.changed) addUpTo(draft, left);
  const roomy = drafts
    .filter((draft) => left.length > 0 && maxEndpointsPerSlice - draft.endpoints.length >= left.length)
    .sort((a, b) => b.endpoints.length - a.endpoints.length)[0];
  if (roomy !== undefined) addUpTo(roomy, left);
  while (left.length > 0) {
    const fresh: Draft = { slice: undefined, endpoints: [], changed: true };
    addUpTo(fresh, left);
    drafts.push(fresh);
  }
  const filled = drafts.filter(({ endpoints }) => endpoints.length > 0);
  if (filled.length > 0) return filled;
  return [drafts[0] ?? { slice: undefined, endpoints: [], changed: true }];
}

/** The desired ones among a slice's endpoints, in their newest form; they are taken out of `missing`. */
function keepDesired(slice: EndpointSlice, missing: Map<string, Endpoint>): Draft {
  const endpoints: Endpoint[] = [];
  let changed = false;
  for (const endpoint of slice.endpoints) {
    const id = endpointId(endpoint);
    const desired = missing.get(id);
    if (desired === undefined) {
      changed = true;
      continue;
    }
    missing.delete(id);
    endpoints.push(desired);
    if (!isDeepStrictEqual(desired, endpoint)) changed = true;
  }
  return { slice, endpoints, changed };
}

function addUpTo(draft: Draft, left: Endpoint[]): void {
  const moved = left.splice(0, maxEndpointsPerSlice - draft.endpoints.length);
  if (moved.length === 0) return;
  draft.endpoints.push(...moved);
  draft.changed = true;
}

function endpointId({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid ?? ''}|${addresses.join(',')}`;
}

function toContent(draft: Draft, { addressType, ports }: EndpointGroup): SliceContent {
  return { slice: draft.slice, addressType, ports, endpoints: draft.endpoints };
}

/** A slice that is to go and one that is to come are one rewrite: half the events for everybody who watches. */
function reuse(write: readonly SliceContent[], unused: readonly EndpointSlice[]): SlicePlan {
  const remove = [...unused];
  const planned = write.map((content) => {
    if (content.slice !== undefined) return content;
    // The family of a slice can never change.
    const at = remove.findIndex(({ addressType }) => addressType === content.addressType);
    if (at < 0) return content;
    const [slice] = remove.splice(at, 1);
    return { ...content, slice };
  });
  return { write: planned, remove };
}
