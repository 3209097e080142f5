/** Which files of a cgroup hold which limit, in cgroup v1 and v2. Pure. */
import { cpuWeight, hugepageSizeName } from './resources.js';
import type { CgroupLimits } from './resources.js';

export interface CgroupFile {
  /** Whose hierarchy it is in v1, whose right it needs in v2. */
  readonly controller: string;
  readonly name: string;
  readonly value: string;
}

/** In the order in which they are to be written. No limit is written, too: there may have been one before. */
export function cgroupFiles(version: 1 | 2, limits: CgroupLimits): readonly CgroupFile[] {
  return version === 2 ? filesOfV2(limits) : filesOfV1(limits);
}

function filesOfV1(limits: CgroupLimits): CgroupFile[] {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit, hugepages } = limits;
  return [
    { controller: 'cpu', name: 'cpu.shares', value: String(cpuShares) },
    ...(cpuQuota === 0 ? [] : [{ controller: 'cpu', name: 'cpu.cfs_period_us', value: String(cpuPeriod) }]),
    { controller: 'cpu', name: 'cpu.cfs_quota_us', value: String(cpuQuota || -1) },
    { controller: 'memory', name: 'memory.limit_in_bytes', value: String(memoryLimitBytes || -1) },
    { controller: 'pids', name: 'pids.max', value: maxOr(pidsLimit) },
    ...hugepages.map(({ sizeBytes, limitBytes }) => ({
      controller: 'hugetlb',
      name: `hugetlb.${hugepageSizeName(sizeBytes)}.limit_in_bytes`,
      value: String(limitBytes),
    })),
  ];
}

function filesOfV2(limits: CgroupLimits): CgroupFile[] {
  const { cpuShares, cpuQuota, cpuPeriod, memoryLimitBytes, pidsLimit, hugepages } = limits;
  return [
    { controller: 'cpu', name: 'cpu.weight', value: String(cpuWeight(cpuShares)) },
    { controller: 'cpu', name: 'cpu.max', value: `${maxOr(cpuQuota)} ${cpuPeriod}` },
    { controller: 'memory', name: 'memory.max', value: maxOr(memoryLimitBytes) },
    { controller: 'pids', name: 'pids.max', value: maxOr(pidsLimit) },
    ...hugepages.map(({ sizeBytes, limitBytes }) => ({
      controller: 'hugetlb',
      name: `hugetlb.${hugepageSizeName(sizeBytes)}.max`,
      value: String(limitBytes),
    })),
  ];
}

/** A limit as the kernel writes it: no limit is `max`, -1, or in v1 all that a counter of pages can hold; 0 here. */
export function readLimit(text = 'max'): number {
  const value = Number(text);
  return text === 'max' || value < 0 || value > Number.MAX_SAFE_INTEGER ? 0 : value;
}

function maxOr(limit: number): string {
  return limit === 0 ? 'max' : String(limit);
}

/** Which controllers a folder must hand on to the folders below it. */
export const controllersOfV2: readonly string[] = ['cpu', 'memory', 'pids', 'io', 'cpuset', 'hugetlb'];

/**
 * Memory that cannot be taken back without harm, as Kubernetes counts it: all that is charged, less the pages of files
 * that nobody has used for a while. `stat` is the text of memory.stat.
 */
export function workingSetBytes(version: 1 | 2, usageBytes: number, stat: string): number {
  const name = version === 2 ? 'inactive_file' : 'total_inactive_file';
  const inactive = Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  return Math.max(0, usageBytes - inactive);
}
