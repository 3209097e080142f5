/**
 * Keeps the node alive when memory, disk or processes run short: takes back what nobody needs, then evicts one Pod after
 * the other until there is enough. Every 10 seconds it looks at the node; Pods are measured only when one must be
 * chosen, or has a limit for what it may write.
 *
 * What is decided is in the pure files beside this one. One look at a time; `pressures` may be asked at any time.
 */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import type { EventRecorder } from '../../client/types.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { EndOrder } from '../admission/end-order.js';
import { isCriticalPod } from '../admission/pod-importance.js';
import type { KubeletMetrics } from '../kubelet-metrics.js';
import { pressureMessage } from './eviction-message.js';
import { calm, isMet, judgePressure } from './judge-pressure.js';
import type { PressureState } from './judge-pressure.js';
import { brokenStorageLimit, hasStorageLimit } from './local-storage.js';
import type { Measurer } from './measure.js';
import type { DiskPart, PodUsages } from './pod-usage.js';
import { rankPods } from './rank-pods.js';
import { signalMeanings } from './signals.js';
import type { EvictionThreshold, Observations, Pressure } from './signals.js';

export interface EvictionManagerOptions {
  readonly thresholds: readonly EvictionThreshold[];
  /** How long a condition holds on after the pressure has ended. */
  readonly transitionMs: number;
  /** The longest grace of a Pod that a soft threshold evicts. */
  readonly maxPodGracePeriodSeconds: number;
  readonly intervalMs?: number;
  readonly measurer: Measurer;
  readonly activePods: () => readonly Pod[];
  /** Resolves when nothing of the Pod runs or takes room any more. */
  readonly endPod: (uid: string, order: EndOrder) => Promise<void>;
  /** What takes room on the disk and is of no use, in the order in which it goes. */
  readonly reclaimDisk: readonly ((signal: AbortSignal) => Promise<void>)[];
  readonly onPressure: (pressures: readonly Pressure[]) => void;
  /** For Events. */
  readonly node: () => Node | undefined;
  readonly recorder: EventRecorder;
  readonly metrics: Pick<KubeletMetrics, 'evicted'>;
  readonly clock: Clock;
  readonly log: Logger;
}

const defaultIntervalMs = 10_000;
/** Between the stop signal and SIGKILL where there is no time to lose. */
const hardGraceSeconds = 1;
/** A Pod that does not end in this time is no longer waited for: the next one may have to go. */
const waitForEndMs = 30_000;

export class EvictionManager {
  readonly #options: EvictionManagerOptions;
  #state: PressureState = calm;
  #pressures: readonly Pressure[] = [];

  constructor(options: EvictionManagerOptions) {
    this.#options = options;
  }

  /** The conditions of pressure that hold now. */
  pressures(): readonly Pressure[] {
    return this.#pressures;
  }

  /** Looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log, intervalMs = defaultIntervalMs } = this.#options;
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      let evicted = false;
      try {
        evicted = await this.look(signal);
      } catch (error) {
        if (!stopped()) log.warn('the node could not be measured, will try again', { err: error });
      }
      if (!evicted) await sleep(clock, intervalMs, signal);
    }
  }

  /** One look at the node; true when a Pod was evicted and more may have to be. */
  async look(signal: AbortSignal): Promise<boolean> {
    const { thresholds, transitionMs, clock, measurer } = this.#options;
    const observations = await measurer.observe(signal);
    const times = { nowMs: clock.monotonicMs(), transitionMs };
    const { state, pressures, reclaim } = judgePressure(this.#state, thresholds, observations, times);
    this.#state = state;
    this.#tell(pressures);
    if (await this.#evictLargeWriters(signal)) return true;
    return reclaim === undefined ? false : this.#reclaim(reclaim, observations, signal);
  }

  #tell(pressures: readonly Pressure[]): void {
    const changed = pressures.join() !== this.#pressures.join();
    this.#pressures = pressures;
    if (!changed) return;
    this.#options.log.info('pressure on the node changed', { pressures: pressures.join(', ') });
    this.#options.onPressure(pressures);
  }

  /** Those that wrote more to the node's disk than they may. */
  async #evictLargeWriters(signal: AbortSignal): Promise<boolean> {
    const { activePods, measurer } = this.#options;
    const limited = activePods().filter((pod) => hasStorageLimit(pod) && !isCriticalPod(pod));
    if (limited.length === 0) return false;
    const usages = await measurer.measurePods(limited, signal);
    const evictions = limited.flatMap((pod) => {
      const usage = usages.get(pod.metadata.uid);
      const broken = usage === undefined ? undefined : brokenStorageLimit(pod, usage);
      return broken === undefined
        ? []
        : [
            this.#evict(
              pod,
              { message: broken.message, gracePeriodSeconds: hardGraceSeconds },
              broken.signal,
              signal,
            ),
          ];
    });
    await Promise.all(evictions);
    return evictions.length > 0;
  }

  async #reclaim(
    threshold: EvictionThreshold,
    observations: Observations,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { node, recorder, activePods, measurer, log } = this.#options;
    const { resource } = signalMeanings[threshold.signal];
    const about = node();
    if (about !== undefined)
      recorder.event(about, 'Warning', 'EvictionThresholdMet', `Attempting to reclaim ${resource}`);
    const hasImageFilesystem = await measurer.hasImageFilesystem(signal);
    if (await this.#reclaimNodeLevel(threshold, hasImageFilesystem, signal)) return false;
    const pods = activePods();
    const usages = await measurer.measurePods(pods, signal);
    const parts = partsOn(threshold, hasImageFilesystem);
    for (const pod of rankPods(pods, usages, resource, parts)) {
      if (isCriticalPod(pod)) continue;
      await this.#evictForPressure(pod, threshold, observations, usages, signal);
      return true;
    }
    log.warn('the node is under pressure, and there is no pod that may be evicted', { resource });
    return false;
  }

  /** True when that was enough. */
  async #reclaimNodeLevel(
    { signal: starved }: EvictionThreshold,
    hasImageFilesystem: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { reclaimDisk, measurer, thresholds, log } = this.#options;
    const isDisk = signalMeanings[starved].pressure === 'DiskPressure';
    // Images and dead containers are elsewhere when they have a filesystem of their own.
    if (!isDisk || (hasImageFilesystem && starved.startsWith('nodefs.'))) return false;
    for (const reclaim of reclaimDisk) {
      try {
        await reclaim(signal);
      } catch (error) {
        if (signal.aborted) throw error;
        log.warn('room on the disk could not be taken back', { err: error });
      }
    }
    const after = await measurer.observe(signal);
    return !thresholds.some((threshold) => isMet(threshold, after, true));
  }

  async #evictForPressure(
    pod: Pod,
    threshold: EvictionThreshold,
    observations: Observations,
    usages: PodUsages,
    signal: AbortSignal,
  ): Promise<void> {
    const message = pressureMessage(pod, threshold, observations, usages.get(pod.metadata.uid));
    const gracePeriodSeconds =
      threshold.graceMs === 0 ? hardGraceSeconds : this.#options.maxPodGracePeriodSeconds;
    await this.#evict(pod, { message, gracePeriodSeconds, isDisruption: true }, threshold.signal, signal);
  }

  /** Resolves when the Pod has ended, or is no longer waited for. */
  async #evict(
    pod: Pod,
    order: Omit<EndOrder, 'reason' | 'freesDisk'>,
    why: string,
    signal: AbortSignal,
  ): Promise<void> {
    const { recorder, metrics, endPod, clock, log } = this.#options;
    metrics.evicted(why);
    const { namespace, name, uid } = pod.metadata;
    recorder.event(pod, 'Warning', 'Evicted', order.message);
    log.warn('evicting a pod', { pod: `${namespace}/${name}`, why: order.message });
    const waiting = new AbortController();
    const timeout = sleep(clock, waitForEndMs, AbortSignal.any([signal, waiting.signal]));
    await Promise.race([endPod(uid, { ...order, reason: 'Evicted', freesDisk: true }), timeout]);
    waiting.abort();
  }
}

/** Which files of Pods are on the filesystem that is short of room. */
function partsOn({ signal }: EvictionThreshold, hasImageFilesystem: boolean): readonly DiskPart[] {
  if (!hasImageFilesystem) return ['rootfs', 'logs', 'volumes'];
  return signal.startsWith('nodefs.') ? ['logs', 'volumes'] : ['rootfs'];
}
