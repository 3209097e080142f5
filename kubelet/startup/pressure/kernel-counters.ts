/** Texts in which the kernel counts I/O. Pure. All counters only grow, but for a device that went and came back. */

/** A row of /proc/diskstats (Documentation/admin-guide/iostats.rst). */
export interface DiskCounters {
  /** Reads, writes, discards and flushes that have ended. */
  readonly requests: number;
  /** How long these took, all together. */
  readonly requestsMs: number;
  /** Read and written. */
  readonly bytes: number;
  readonly inFlight: number;
  /** In which anything was in flight. */
  readonly busyMs: number;
}

/** diskstats counts in sectors of this size, whatever the disk's is. */
const sectorBytes = 512;

/** By `major:minor`. Discards are there since Linux 4.18, flushes since 5.5. */
export function parseDiskstats(text: string): ReadonlyMap<string, DiskCounters> {
  const rows = new Map<string, DiskCounters>();
  for (const line of text.split('\n')) {
    const [major, minor, , ...fields] = line.trim().split(/\s+/);
    if (major === undefined || minor === undefined || fields.length < 11) continue;
    const at = (index: number): number => Number(fields[index] ?? 0);
    rows.set(`${major}:${minor}`, {
      requests: at(0) + at(4) + at(11) + at(15),
      requestsMs: at(3) + at(7) + at(14) + at(16),
      bytes: (at(2) + at(6)) * sectorBytes,
      inFlight: at(8),
      busyMs: at(9),
    });
  }
  return rows;
}

/** Of /proc/pressure/io: microseconds in which some task of the machine waited for I/O. Undefined for another text. */
export function parsePressureTotal(text: string): number | undefined {
  const total = /^some .*\btotal=(\d+)/m.exec(text)?.[1];
  return total === undefined ? undefined : Number(total);
}

/**
 * The NFS mounts of /proc/self/mountstats by `server:/export`, counted like disks. The kernel shows the same counters
 * for each mount of an export: the first is taken. Requests in flight are those sent and not answered.
 */
export function parseMountstats(text: string): ReadonlyMap<string, DiskCounters> {
  const exports = new Map<string, DiskCounters>();
  for (const part of text.split(/^device /m)) {
    const source = /^(\S+) mounted on \S+ with fstype nfs4? /.exec(part)?.[1];
    if (source === undefined || exports.has(source)) continue;
    const operations = [...part.matchAll(/^\s+[A-Z_0-9]+: (\d+(?: \d+){7,})$/gm)].map((found) =>
      (found[1] ?? '').split(' ').map(Number),
    );
    const sum = (index: number): number => operations.reduce((all, one) => all + (one[index] ?? 0), 0);
    // normal, direct and server's bytes; each read and written. The server's are what went over the network.
    const bytes = /^\s+bytes:\s+(.*)$/m.exec(part)?.[1]?.split(' ').map(Number) ?? [];
    exports.set(source, {
      requests: sum(0),
      requestsMs: sum(7),
      bytes: (bytes[4] ?? 0) + (bytes[5] ?? 0),
      inFlight: Math.max(0, ...inFlightOf(part)),
      // Nobody counts it: as if one request came after the other.
      busyMs: sum(7),
    });
  }
  return exports;
}

/** Sent less received, of each connection of TCP or RDMA. */
function inFlightOf(part: string): number[] {
  return [...part.matchAll(/^\s+xprt:\s+(tcp|rdma)\s+(.*)$/gm)].map((found) => {
    const fields = (found[2] ?? '').split(/\s+/).map(Number);
    return (fields[5] ?? 0) - (fields[6] ?? 0);
  });
}
