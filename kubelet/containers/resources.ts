/** From resource requests and limits to what the kernel understands: cgroup values and the OOM killer's order. Pure. */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { isSidecar, podLimits, podQosClass, podRequests } from '../../api/pod-helpers.js';
import { cpuMillicores, quantityBytes } from '../../api/quantity.js';
import type { LinuxContainerResources } from '../cri/runtime.js';

const minCpuShares = 2;
const maxCpuShares = 262_144;
const minCpuQuota = 1000;
/** Pods at or above it are what the node itself lives from: `system-node-critical`. */
export const nodeCriticalPriority = 2_000_001_000;

/** How this node turns requests and limits into what is enforced. */
export interface ResourcePolicy {
  /** CPU limits are enforced (`cpuCFSQuota`). */
  readonly enforceCpuLimits: boolean;
  /** `cpuCFSQuotaPeriod`; Linux' and Kubernetes' default is 100,000. */
  readonly cpuPeriodMicroseconds: number;
  /** Processes of one Pod at most (`podPidsLimit`); 0 is no limit. */
  readonly podPidsLimit: number;
  /** Out of memory, one process is killed and not the whole container; only cgroup v2 has the choice. */
  readonly singleProcessOomKill: boolean;
  /** Sizes in bytes of the huge pages of this machine whose use can be limited. */
  readonly hugepageSizes: readonly number[];
  readonly cgroupVersion: 1 | 2;
  readonly memoryBytes: number;
}

export const defaultResourcePolicy = {
  enforceCpuLimits: true,
  cpuPeriodMicroseconds: 100_000,
  podPidsLimit: 0,
  hugepageSizes: [],
} as const satisfies Partial<ResourcePolicy>;

/** Weight of a CPU request: 1024 for a core. */
export function cpuShares(millicores: number): number {
  if (millicores === 0) return minCpuShares;
  return Math.min(maxCpuShares, Math.max(minCpuShares, Math.floor((millicores * 1024) / 1000)));
}

/** Microseconds of CPU time a period; 0 is no limit. */
export function cpuQuota(millicores: number, periodMicroseconds: number): number {
  if (millicores === 0) return 0;
  return Math.max(minCpuQuota, Math.floor((millicores * periodMicroseconds) / 1000));
}

/** cgroup v2's weight (1 to 10000) for v1's shares (2 to 262144). */
export function cpuWeight(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}

/** Lower dies later: Guaranteed last, BestEffort first, the others by the share of memory that they asked for. */
export function oomScoreAdjust(
  pod: Pod,
  container: Container,
  { memoryBytes }: Pick<ResourcePolicy, 'memoryBytes'>,
): number {
  if ((pod.spec.priority ?? 0) >= nodeCriticalPriority) return -997;
  const qos = podQosClass(pod.spec);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const score = (requestBytes: number): number =>
    1000 - Math.floor((1000 * (requestBytes + unassignedMemoryBytes(pod))) / Math.max(1, memoryBytes));
  let own = score(memoryRequest(container));
  // A sidecar serves the others: it dies no earlier than the first of them.
  if (isSidecar(container)) own = Math.min(own, score(Math.min(...pod.spec.containers.map(memoryRequest))));
  return Math.min(999, Math.max(3, own));
}

function memoryRequest({ resources }: Container): number {
  return quantityBytes(resources?.requests?.['memory'] ?? resources?.limits?.['memory']);
}

/** What a Pod asks for as a whole beyond the sum of its containers, spread evenly over them. */
function unassignedMemoryBytes(pod: Pod): number {
  const whole = pod.spec.resources?.requests?.['memory'];
  if (whole === undefined) return 0;
  const spec = { ...pod.spec };
  delete spec.resources;
  const sidecars = (spec.initContainers ?? []).filter(isSidecar);
  const sum = podRequests({ spec }).memoryBytes;
  return Math.max(0, Math.floor((quantityBytes(whole) - sum) / (spec.containers.length + sidecars.length)));
}

/** What a container may use; a limit of the Pod as a whole holds where the container has none. */
export function containerResources(
  pod: Pod,
  container: Container,
  policy: ResourcePolicy,
): LinuxContainerResources {
  const { requests, limits } = container.resources ?? {};
  const ofPod = pod.spec.resources?.limits;
  const request = cpuMillicores(requests?.['cpu'] ?? limits?.['cpu']);
  const cpuLimit = policy.enforceCpuLimits ? cpuMillicores(limits?.['cpu'] ?? ofPod?.['cpu']) : 0;
  const memoryLimit = quantityBytes(limits?.['memory'] ?? ofPod?.['memory']);
  const wholeGroupDies = policy.cgroupVersion === 2 && !policy.singleProcessOomKill;
  return {
    cpuPeriod: policy.cpuPeriodMicroseconds,
    cpuQuota: cpuQuota(cpuLimit, policy.cpuPeriodMicroseconds),
    cpuShares: cpuShares(request),
    memoryLimitInBytes: memoryLimit,
    oomScoreAdj: oomScoreAdjust(pod, container, policy),
    hugepageLimits: hugepageLimits(limits ?? {}, policy.hugepageSizes).map(({ sizeBytes, limitBytes }) => ({
      pageSize: hugepageSizeName(sizeBytes),
      limit: limitBytes,
    })),
    unified: wholeGroupDies ? { 'memory.oom.group': '1' } : {},
  };
}

export interface HugepageLimit {
  readonly sizeBytes: number;
  readonly limitBytes: number;
}

/** Of each size that the machine has: who asks for none gets none. */
function hugepageLimits(
  amounts: Readonly<Record<string, string | number>>,
  sizes: readonly number[],
): HugepageLimit[] {
  const limits = new Map(sizes.map((size) => [size, 0]));
  for (const [name, amount] of Object.entries(amounts)) {
    const size = hugepageSizeOf(name);
    if (size !== undefined && limits.has(size))
      limits.set(size, typeof amount === 'number' ? amount : quantityBytes(amount));
  }
  return [...limits].map(([sizeBytes, limitBytes]) => ({ sizeBytes, limitBytes }));
}

/** The page size in bytes of a resource `hugepages-2Mi`; undefined for any other resource. */
export function hugepageSizeOf(resource: string): number | undefined {
  return resource.startsWith('hugepages-') ? quantityBytes(resource.slice('hugepages-'.length)) : undefined;
}

/** As the kernel writes it in names of files: 2MB, 1GB, 64KB. */
export function hugepageSizeName(sizeBytes: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let size = sizeBytes;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${size}${units[unit] ?? ''}`;
}

/** What all processes in a cgroup may use together; 0 is no limit. */
export interface CgroupLimits {
  readonly cpuShares: number;
  readonly cpuQuota: number;
  readonly cpuPeriod: number;
  readonly memoryLimitBytes: number;
  readonly pidsLimit: number;
  readonly hugepages: readonly HugepageLimit[];
}

/** A limit for the Pod exists only where every container has one, or the Pod as a whole. */
export function podCgroupLimits(pod: Pod, policy: ResourcePolicy): CgroupLimits {
  const limits = podLimits(pod);
  const requests = podRequests(pod);
  const qos = podQosClass(pod.spec);
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const isDeclared = (name: string): boolean =>
    pod.spec.resources?.limits?.[name] !== undefined ||
    all.every((container) => container.resources?.limits?.[name] !== undefined);
  const cpuIsLimited = policy.enforceCpuLimits && isDeclared('cpu');
  return {
    cpuShares: qos === 'BestEffort' ? minCpuShares : cpuShares(requests.cpuMillicores),
    cpuQuota: cpuIsLimited ? cpuQuota(limits.cpuMillicores, policy.cpuPeriodMicroseconds) : 0,
    cpuPeriod: policy.cpuPeriodMicroseconds,
    memoryLimitBytes: isDeclared('memory') ? limits.memoryBytes : 0,
    pidsLimit: policy.podPidsLimit,
    hugepages: hugepageLimits(requests.others, policy.hugepageSizes),
  };
}

/** The weights of the classes below the cgroup of all Pods: what Burstable Pods ask for, and next to nothing. */
export function qosCpuShares(pods: readonly Pod[]): {
  readonly burstable: number;
  readonly besteffort: number;
} {
  const burstable = pods.filter(({ spec }) => podQosClass(spec) === 'Burstable');
  const millicores = burstable.reduce((sum, pod) => sum + podRequests(pod).cpuMillicores, 0);
  return { burstable: cpuShares(millicores), besteffort: minCpuShares };
}
