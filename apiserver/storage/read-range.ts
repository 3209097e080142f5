/** Reads a range of ordered records, as it is or as it was: a past state is the present one with later events undone. */
import { prefixEnd } from '../../common/sorted-map.js';
import type { SortedMap } from '../../common/sorted-map.js';
import type { RangeOptions, RangeResult, StoredRecord, StoreEvent } from './store.js';

export function keyOf(event: StoreEvent): string {
  return event.type === 'put' ? event.record.key : event.key;
}

export function revisionOf(event: StoreEvent): number {
  return event.type === 'put' ? event.record.modRevision : event.revision;
}

/**
 * Pure. `eventsSince` are all events, in order, that are to be undone; none reads the present. Nothing is copied but
 * the list of records, so that a past revision costs its events and not a snapshot.
 */
export function readRange(
  latest: SortedMap<StoredRecord>,
  { prefix, startKey = '', limit = Infinity }: Omit<RangeOptions, 'revision'>,
  eventsSince: Iterable<StoreEvent> = [],
): Pick<RangeResult, 'records' | 'remaining'> {
  const from = startKey > prefix ? startKey : prefix;
  const end = prefixEnd(prefix);
  if (end !== undefined && from >= end) return { records: [], remaining: 0 };
  const before = stateBefore(eventsSince, from, end);
  if (before.size === 0) return readPresent(latest, from, end, limit);

  const old = [...before.values()].filter((record) => record !== undefined);
  old.sort((a, b) => (a.key < b.key ? -1 : 1));
  let total = latest.rank(end) - latest.rank(from) + old.length;
  for (const key of before.keys()) if (latest.has(key)) total--;

  const records: StoredRecord[] = [];
  let nextOld = 0;
  for (const [key, record] of latest.entries(from, end)) {
    for (; records.length < limit && (old[nextOld]?.key ?? key) < key; nextOld++) {
      records.push(old[nextOld] as StoredRecord);
    }
    if (records.length >= limit) break;
    if (!before.has(key)) records.push(record);
  }
  for (; records.length < limit && nextOld < old.length; nextOld++) {
    records.push(old[nextOld] as StoredRecord);
  }
  return { records, remaining: total - records.length };
}

function readPresent(
  latest: SortedMap<StoredRecord>,
  from: string,
  end: string | undefined,
  limit: number,
): Pick<RangeResult, 'records' | 'remaining'> {
  const records = latest.values(from, end, limit);
  const total = records.length < limit ? records.length : latest.rank(end) - latest.rank(from);
  return { records, remaining: total - records.length };
}

/** What the keys that changed held before the first of their changes. */
function stateBefore(
  events: Iterable<StoreEvent>,
  from: string,
  end: string | undefined,
): Map<string, StoredRecord | undefined> {
  const before = new Map<string, StoredRecord | undefined>();
  for (const event of events) {
    const key = keyOf(event);
    if (key < from || (end !== undefined && key >= end) || before.has(key)) continue;
    before.set(key, event.previous);
  }
  return before;
}
