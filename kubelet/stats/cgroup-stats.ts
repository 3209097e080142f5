/** What the kernel counts of a cgroup, v1 and v2, and of the node as a whole. The parsers are pure. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { workingSetBytes } from '../containers/cgroup-files.js';
import { readCgroupFile } from '../containers/read-cgroup-file.js';

/** Undefined what the kernel does not tell. */
export interface UsageStats {
  readonly timestampMs: number;
  /** Since the start. */
  readonly cpuNanoseconds: number | undefined;
  readonly usageBytes: number | undefined;
  readonly workingSetBytes: number | undefined;
  readonly rssBytes: number | undefined;
  readonly pageFaults: number | undefined;
  readonly majorPageFaults: number | undefined;
}

export interface CgroupTexts {
  readonly version: 1 | 2;
  /** v1: cpuacct.usage, v2: cpu.stat */
  readonly cpu: string | undefined;
  /** v1: memory.usage_in_bytes, v2: memory.current */
  readonly memory: string | undefined;
  readonly memoryStat: string | undefined;
}

export function parseCgroupStats(texts: CgroupTexts, timestampMs: number): UsageStats {
  const { version, cpu, memory, memoryStat } = texts;
  const ofStat = (name: string): number | undefined =>
    numberIn(memoryStat, version === 2 ? name : `total_${name}`);
  const usageBytes = memory === undefined ? undefined : Number(memory);
  const usec = version === 2 ? numberIn(cpu, 'usage_usec') : undefined;
  const nanoseconds =
    version === 2
      ? usec === undefined
        ? undefined
        : usec * 1000
      : cpu === undefined
        ? undefined
        : Number(cpu);
  return {
    timestampMs,
    cpuNanoseconds: nanoseconds,
    usageBytes,
    workingSetBytes:
      usageBytes === undefined || memoryStat === undefined
        ? undefined
        : workingSetBytes(version, usageBytes, memoryStat),
    rssBytes: version === 2 ? ofStat('anon') : ofStat('rss'),
    pageFaults: ofStat('pgfault'),
    majorPageFaults: ofStat('pgmajfault'),
  };
}

/** Of `/proc/stat`, `/proc/meminfo` and `/proc/vmstat`: the root cgroup of v2 does not count memory. */
export function parseNodeStats(
  texts: { readonly stat: string; readonly meminfo: string; readonly vmstat: string },
  timestampMs: number,
): UsageStats {
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name.replace(/[()]/g, '\\$&')}:\\s+(\\d+) kB`, 'm').exec(texts.meminfo)?.[1] ?? 0);
  // user nice system idle iowait irq softirq steal; the time of guests is in that of users.
  const ticks = /^cpu\s+(.*)$/m.exec(texts.stat)?.[1]?.split(' ').map(Number) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = ticks;
  const usageKibibytes = kibibytes('MemTotal') - kibibytes('MemFree');
  return {
    timestampMs,
    // Ticks are hundredths of a second on every machine that Linux shows them of.
    cpuNanoseconds: (user + nice + system + irq + softirq + steal) * 1e7,
    usageBytes: usageKibibytes * 1024,
    workingSetBytes: Math.max(0, usageKibibytes - kibibytes('Inactive(file)')) * 1024,
    rssBytes: kibibytes('AnonPages') * 1024,
    pageFaults: numberIn(texts.vmstat, 'pgfault'),
    majorPageFaults: numberIn(texts.vmstat, 'pgmajfault'),
  };
}

function numberIn(text: string | undefined, name: string): number | undefined {
  const found = text === undefined ? undefined : new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** Undefined when there is no such cgroup. */
export async function readCgroupStats(
  version: 1 | 2,
  path: string,
  nowMs: number,
  mountPoint = '/sys/fs/cgroup',
): Promise<UsageStats | undefined> {
  const file = (controller: string, name: string): Promise<string | undefined> =>
    readCgroupFile(version === 2 ? join(mountPoint, path, name) : join(mountPoint, controller, path, name));
  const [cpu, memory, memoryStat] = await Promise.all([
    version === 2 ? file('cpu', 'cpu.stat') : file('cpuacct', 'cpuacct.usage'),
    file('memory', version === 2 ? 'memory.current' : 'memory.usage_in_bytes'),
    file('memory', 'memory.stat'),
  ]);
  if (cpu === undefined && memory === undefined) return undefined;
  return parseCgroupStats({ version, cpu, memory, memoryStat }, nowMs);
}

export async function readNodeStats(nowMs: number): Promise<UsageStats> {
  const [stat, meminfo, vmstat] = await Promise.all(
    ['stat', 'meminfo', 'vmstat'].map((name) => readFile(`/proc/${name}`, 'utf8')),
  );
  return parseNodeStats({ stat: stat ?? '', meminfo: meminfo ?? '', vmstat: vmstat ?? '' }, nowMs);
}
