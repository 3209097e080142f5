/** From resource requests and limits to what the kernel understands: cgroup values and the OOM killer's order. Pure. */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import { podLimits, podQosClass, podRequests } from '../../api/pod-helpers.js';
import { cpuMillicores, quantityBytes } from '../../api/quantity.js';
import type { LinuxContainerResources } from '../cri/runtime.js';

/** Microseconds; Linux' and Kubernetes' default. */
export const cpuPeriodMicroseconds = 100_000;
const minCpuShares = 2;
const maxCpuShares = 262_144;
const minCpuQuota = 1000;

/** Weight of a CPU request: 1024 for a core. */
export function cpuShares(millicores: number): number {
  if (millicores === 0) return minCpuShares;
  return Math.min(maxCpuShares, Math.max(minCpuShares, Math.floor((millicores * 1024) / 1000)));
}

/** Microseconds of CPU time a period; 0 is no limit. */
export function cpuQuota(millicores: number): number {
  if (millicores === 0) return 0;
  return Math.max(minCpuQuota, Math.floor((millicores * cpuPeriodMicroseconds) / 1000));
}

/** cgroup v2's weight (1 to 10000) for v1's shares (2 to 262144). */
export function cpuWeight(shares: number): number {
  return 1 + Math.floor(((shares - 2) * 9999) / 262_142);
}

export interface NodeMemory {
  readonly memoryBytes: number;
}

/** Lower dies later: Guaranteed last, BestEffort first, the others by the share of memory that they asked for. */
export function oomScoreAdjust(pod: Pod, container: Container, node: NodeMemory): number {
  const qos = podQosClass(pod.spec);
  if (qos === 'Guaranteed') return -997;
  if (qos === 'BestEffort') return 1000;
  const request = quantityBytes(
    container.resources?.requests?.['memory'] ?? container.resources?.limits?.['memory'],
  );
  const score = 1000 - Math.floor((1000 * request) / Math.max(1, node.memoryBytes));
  return Math.min(999, Math.max(3, score));
}

export function containerResources(
  pod: Pod,
  container: Container,
  node: NodeMemory,
  cgroupVersion: 1 | 2,
): LinuxContainerResources {
  const { requests, limits } = container.resources ?? {};
  const request = cpuMillicores(requests?.['cpu'] ?? limits?.['cpu']);
  const memoryLimit = quantityBytes(limits?.['memory']);
  return {
    cpuPeriod: cpuPeriodMicroseconds,
    cpuQuota: cpuQuota(cpuMillicores(limits?.['cpu'])),
    cpuShares: cpuShares(request),
    memoryLimitInBytes: memoryLimit,
    oomScoreAdj: oomScoreAdjust(pod, container, node),
    // One process that dies of memory takes its container with it, as v1 users expect of a small init.
    unified: cgroupVersion === 2 ? { 'memory.oom.group': '1' } : {},
  };
}

/** What holds for all containers of a Pod together; 0 is no limit. */
export interface PodCgroupLimits {
  readonly cpuShares: number;
  readonly cpuQuota: number;
  readonly memoryLimitBytes: number;
}

/** A limit for the Pod exists only where every container has one. */
export function podCgroupLimits(pod: Pod): PodCgroupLimits {
  const limits = podLimits(pod);
  const all = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const everyHas = (name: string): boolean =>
    pod.spec.resources?.limits?.[name] !== undefined ||
    all.every((container) => container.resources?.limits?.[name] !== undefined);
  return {
    cpuShares: cpuShares(podRequests(pod).cpuMillicores),
    cpuQuota: everyHas('cpu') ? cpuQuota(limits.cpuMillicores) : 0,
    memoryLimitBytes: everyHas('memory') ? limits.memoryBytes : 0,
  };
}
