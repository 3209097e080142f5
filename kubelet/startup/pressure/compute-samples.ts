/** How busy each device was between two looks at the kernel's counters. Pure. */
import type { DiskCounters } from './kernel-counters.js';

/** Undefined what the kernel does not tell, or has begun to count anew. */
export interface DeviceSample {
  /** 0 to 1: share of the time in which some task waited for this device. */
  readonly pressure: number | undefined;
  /** 0 to 1: share of the time in which the device had anything to do. */
  readonly utilization: number | undefined;
  /** Mean time of the requests that ended; undefined when none did. */
  readonly awaitMs: number | undefined;
  /** Now. */
  readonly requestsInFlight: number | undefined;
  /** Read and written. */
  readonly bytesPerSecond: number | undefined;
}

export interface Counters {
  readonly atMs: number;
  /** Microseconds in which some task waited for I/O: of the machine, of cgroups; undefined without PSI. */
  readonly waitedMicroseconds: readonly (number | undefined)[];
  /** By row: `8:0` of diskstats, `nfs server:/export`. */
  readonly rows: ReadonlyMap<string, DiskCounters>;
}

/** `rowsOf` names the rows that count for a device, by its key. */
export function computeSamples(
  before: Counters,
  now: Counters,
  rowsOf: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, DeviceSample> {
  const elapsedMs = now.atMs - before.atMs;
  if (elapsedMs <= 0) return new Map();
  const waited = now.waitedMicroseconds
    .map((total, index) => increase(before.waitedMicroseconds[index], total))
    .filter((one) => one !== undefined);
  const waiting = waited.length === 0 ? undefined : atMostOne(Math.max(...waited) / 1000 / elapsedMs);
  const samples = new Map<string, DeviceSample>();
  for (const [key, rows] of rowsOf) {
    const changes = rows.map((row) => change(before.rows.get(row), now.rows.get(row)));
    samples.set(
      key,
      sampleOf(
        changes.filter((one) => one !== undefined),
        waiting,
        elapsedMs,
      ),
    );
  }
  return samples;
}

/**
 * Pressure is known of all devices together only. A task can wait for a device only while the device has something to do, so the
 * share in which the device was busy bounds it: an idle disk beside a saturated one has none. (By the shares of time
 * that requests spent in each, two disks that are both saturated would look half loaded, and a slow one next to a fast
 * one with a long queue hardly at all.)
 */
function sampleOf(
  changes: readonly DiskCounters[],
  waiting: number | undefined,
  elapsedMs: number,
): DeviceSample {
  if (changes.length === 0)
    return {
      pressure: undefined,
      utilization: undefined,
      awaitMs: undefined,
      requestsInFlight: undefined,
      bytesPerSecond: undefined,
    };
  const sum = (name: keyof DiskCounters): number => changes.reduce((all, one) => all + one[name], 0);
  // Of several disks of one backend: that of the busiest.
  const utilization = atMostOne(Math.max(...changes.map(({ busyMs }) => busyMs)) / elapsedMs);
  const requests = sum('requests');
  return {
    pressure: waiting === undefined ? undefined : Math.min(waiting, utilization),
    utilization,
    awaitMs: requests === 0 ? undefined : sum('requestsMs') / requests,
    requestsInFlight: sum('inFlight'),
    bytesPerSecond: (sum('bytes') / elapsedMs) * 1000,
  };
}

/** Undefined for a row that was not there before, or counts anew: a counter went back, or overflowed. */
function change(before: DiskCounters | undefined, now: DiskCounters | undefined): DiskCounters | undefined {
  if (before === undefined || now === undefined) return undefined;
  const changed = {
    requests: now.requests - before.requests,
    requestsMs: now.requestsMs - before.requestsMs,
    bytes: now.bytes - before.bytes,
    busyMs: now.busyMs - before.busyMs,
  };
  if (Object.values(changed).some((one) => one < 0)) return undefined;
  return { ...changed, inFlight: now.inFlight };
}

function increase(before: number | undefined, now: number | undefined): number | undefined {
  return before === undefined || now === undefined || now < before ? undefined : now - before;
}

function atMostOne(share: number): number {
  return Math.min(1, share);
}
