/** What a machine has, and what of it is there for Pods. Pure. */
import {
  cpuMillicores,
  quantityBytes,
  quantityFromBytes,
  quantityFromMillicores,
} from '../../api/quantity.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { CgroupLimits } from '../containers/resources.js';
import { cpuShares } from '../containers/resources.js';
import { thresholdAmount } from '../eviction/threshold.js';
import type { MachineFacts } from './machine-facts.js';

export interface CapacityInput {
  readonly machine: Pick<MachineFacts, 'cpuCount' | 'memoryBytes' | 'storageBytes' | 'hugepages'>;
  readonly configuration: Pick<
    KubeletConfiguration,
    'maxPods' | 'podsPerCore' | 'kubeReserved' | 'systemReserved' | 'evictionHard'
  >;
}

/** How many pods may run here: `maxPods`, or `podsPerCore` for each core where that is less. */
export function maxPodsOf(
  { maxPods, podsPerCore }: Pick<KubeletConfiguration, 'maxPods' | 'podsPerCore'>,
  cpuCount: number,
): number {
  return podsPerCore === 0 ? maxPods : Math.min(maxPods, podsPerCore * cpuCount);
}

export function nodeCapacity({ machine, configuration }: CapacityInput): Record<string, string> {
  return {
    cpu: String(machine.cpuCount),
    memory: `${Math.floor(machine.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(machine.storageBytes / 1024)}Ki`,
    ...Object.fromEntries(
      machine.hugepages.map(({ sizeBytes, count }) => [
        `hugepages-${quantityFromBytes(sizeBytes)}`,
        quantityFromBytes(sizeBytes * count),
      ]),
    ),
    pods: String(maxPodsOf(configuration, machine.cpuCount)),
  };
}

/** Capacity less what the node keeps for itself. Huge pages are no ordinary memory any more. */
export function nodeAllocatable(input: CapacityInput): Record<string, string> {
  const { machine, configuration } = input;
  const { cpu, memory, storage } = reservedAmounts(configuration);
  const evictAt = (signal: string, capacity: number): number => {
    const threshold = configuration.evictionHard[signal];
    return threshold === undefined ? 0 : thresholdAmount(threshold, capacity);
  };
  const huge = machine.hugepages.reduce((sum, { sizeBytes, count }) => sum + sizeBytes * count, 0);
  const memoryLeft = machine.memoryBytes - memory - huge - evictAt('memory.available', machine.memoryBytes);
  const storageLeft = machine.storageBytes - storage - evictAt('nodefs.available', machine.storageBytes);
  return {
    ...nodeCapacity(input),
    cpu: quantityFromMillicores(Math.max(0, machine.cpuCount * 1000 - cpu)),
    memory: `${Math.floor(Math.max(0, memoryLeft) / 1024)}Ki`,
    'ephemeral-storage': quantityFromBytes(Math.floor(Math.max(0, storageLeft))),
  };
}

function reservedAmounts({
  kubeReserved,
  systemReserved,
}: Pick<KubeletConfiguration, 'kubeReserved' | 'systemReserved'>): {
  readonly cpu: number;
  readonly memory: number;
  readonly storage: number;
  readonly processes: number;
} {
  const both = [kubeReserved, systemReserved];
  const sum = (read: (list: Readonly<Record<string, string>>) => number): number =>
    both.reduce((total, list) => total + read(list), 0);
  return {
    cpu: sum((list) => cpuMillicores(list['cpu'])),
    memory: sum((list) => quantityBytes(list['memory'])),
    storage: sum((list) => quantityBytes(list['ephemeral-storage'])),
    processes: sum((list) => quantityBytes(list['pid'])),
  };
}

/**
 * What the cgroup of all Pods enforces (`enforceNodeAllocatable: pods`): capacity less the reservations. What hard
 * eviction keeps free is not taken off, so that Pods are evicted in Kubernetes' order before the kernel chooses one.
 */
export function allPodsLimits(
  { machine, configuration }: CapacityInput,
  options: { readonly enforce: boolean; readonly maxProcesses: number },
): CgroupLimits {
  const { cpu, memory, processes } = reservedAmounts(configuration);
  const { enforce, maxProcesses } = options;
  return {
    cpuShares: cpuShares(Math.max(1, machine.cpuCount * 1000 - cpu)),
    cpuQuota: 0,
    cpuPeriod: 100_000,
    memoryLimitBytes: enforce ? Math.max(1, machine.memoryBytes - memory) : 0,
    pidsLimit: enforce && processes > 0 ? Math.max(1, maxProcesses - processes) : 0,
    hugepages: [],
  };
}

/** What a cgroup enforces in which processes of the node are that have this reservation. */
export function reservedLimits(reservation: Readonly<Record<string, string>>): CgroupLimits {
  return {
    cpuShares: cpuShares(cpuMillicores(reservation['cpu'])),
    cpuQuota: 0,
    cpuPeriod: 100_000,
    memoryLimitBytes: quantityBytes(reservation['memory']),
    pidsLimit: quantityBytes(reservation['pid']),
    hugepages: [],
  };
}
