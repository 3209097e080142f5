/** What a node may be short of, by the names of the configuration, and what follows from each. Pure. */
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { EvictionSignal, Threshold } from '../config/keys/resources.js';

/** `allocatableMemory.available` is that of all Pods together, which the node's reservations limit. */
export type Signal = EvictionSignal | 'allocatableMemory.available';
export type Pressure = 'MemoryPressure' | 'DiskPressure' | 'PIDPressure';
/** What is to be won back: named in Events and messages. */
export type StarvedResource = 'memory' | 'ephemeral-storage' | 'inodes' | 'pids';

export const signalMeanings: Readonly<
  Record<Signal, { readonly pressure: Pressure; readonly resource: StarvedResource }>
> = {
  'memory.available': { pressure: 'MemoryPressure', resource: 'memory' },
  'allocatableMemory.available': { pressure: 'MemoryPressure', resource: 'memory' },
  'nodefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'nodefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'imagefs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'imagefs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'containerfs.available': { pressure: 'DiskPressure', resource: 'ephemeral-storage' },
  'containerfs.inodesFree': { pressure: 'DiskPressure', resource: 'inodes' },
  'pid.available': { pressure: 'PIDPressure', resource: 'pids' },
};

/** Bytes, inodes or processes. */
export interface Observation {
  readonly available: number;
  readonly capacity: number;
}

/** What was not seen is absent: nothing is concluded from it. */
export type Observations = { readonly [signal in Signal]?: Observation | undefined };

export interface EvictionThreshold {
  readonly signal: Signal;
  readonly value: Threshold;
  /** How long it must hold before Pods are evicted; 0: a hard one, at once and without mercy. */
  readonly graceMs: number;
  /** What must be there beyond the threshold before all is well again. */
  readonly minimumReclaim: Threshold | undefined;
}

type EvictionKeys = Pick<
  KubeletConfiguration,
  | 'evictionHard'
  | 'evictionSoft'
  | 'evictionSoftGracePeriodMs'
  | 'evictionMinimumReclaim'
  | 'enforceNodeAllocatable'
>;

/**
 * The thresholds of the configuration. A threshold of 0 switches its signal off. The writable layers of containers are
 * where the images are, so what holds for images holds for them: `containerfs` cannot be set apart.
 */
export function thresholdsOf(configuration: EvictionKeys): readonly EvictionThreshold[] {
  const { evictionHard, evictionSoft, evictionSoftGracePeriodMs, evictionMinimumReclaim } = configuration;
  const of = (thresholds: Readonly<Record<string, Threshold>>, isSoft: boolean): EvictionThreshold[] =>
    Object.entries(thresholds).flatMap(([name, value]) => {
      const isOff = (value.kind === 'quantity' ? value.amount : value.percent) === 0;
      if (isOff || name.startsWith('containerfs.')) return [];
      const graceMs = isSoft ? (evictionSoftGracePeriodMs[name] ?? 0) : 0;
      const signal = name as EvictionSignal;
      return [{ signal, value, graceMs, minimumReclaim: evictionMinimumReclaim[name] }];
    });
  const all = [...of(evictionHard, false), ...of(evictionSoft, true)];
  const memory = all.find(({ signal, graceMs }) => signal === 'memory.available' && graceMs === 0);
  const isEnforced = configuration.enforceNodeAllocatable.includes('pods');
  return memory === undefined || !isEnforced
    ? all
    : [...all, { ...memory, signal: 'allocatableMemory.available' }];
}
