/**
 * What cares for the node as a whole: pressure and eviction, images, leftovers. Made before the workers, whose Pods it
 * looks at, because they ask it whom to let in.
 */
import type { Node } from '../api/generated/core-v1.js';
import type { EventRecorder, Informer } from '../client/types.js';
import { sleep } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { removeContainersOfEndedPods } from './collection/container-collector.js';
import { ImageCollector } from './collection/image-collector.js';
import type { KubeletConfiguration } from './config/kubelet-configuration.js';
import { qosCpuShares } from './containers/resources.js';
import { EvictionManager } from './eviction/eviction-manager.js';
import { createMeasurer } from './eviction/measure.js';
import type { Measurer } from './eviction/measure.js';
import type { Pressure } from './eviction/signals.js';
import { thresholdsOf } from './eviction/signals.js';
import type { MachineFacts } from './node/machine-facts.js';
import type { KubeletMetrics } from './kubelet-metrics.js';
import { allPodsLimits } from './node/node-resources.js';
import type { PodServices } from './sync/pod-services.js';
import type { PodWorkers } from './sync/pod-workers.js';

export interface NodeCareOptions {
  readonly configuration: KubeletConfiguration;
  readonly machine: MachineFacts;
  readonly rootDir: string;
  readonly node: Informer<Node>;
  readonly nodeName: string;
  readonly services: PodServices;
  readonly workers: PodWorkers;
  readonly onPressure: (pressures: readonly Pressure[]) => void;
  readonly evictionIntervalMs?: number;
  /** Another one than that of the machine: for tests. */
  readonly measurer?: Measurer;
  readonly recorder: EventRecorder;
  readonly kubeletMetrics: KubeletMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface NodeCare {
  readonly eviction: EvictionManager;
  readonly images: ImageCollector;
  /** Until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

export function createNodeCare(options: NodeCareOptions): NodeCare {
  const { configuration, machine, services, workers, recorder, clock, log } = options;
  const node = (): Node | undefined => options.node.get(options.nodeName);
  const enforce = configuration.enforceNodeAllocatable.includes('pods');
  const limits = allPodsLimits({ machine, configuration }, { enforce, maxProcesses: machine.maxProcesses });
  const common = { node, recorder, clock, log };
  const images = new ImageCollector({
    ...common,
    runtime: services.runtime,
    policy: {
      highPercent: configuration.imageGCHighThresholdPercent,
      lowPercent: configuration.imageGCLowThresholdPercent,
      minimumAgeMs: configuration.imageMinimumGCAgeMs,
      maximumAgeMs: configuration.imageMaximumGCAgeMs,
    },
    onRemoved: (names) => {
      for (const name of names) services.images.forget(name);
    },
  });
  const eviction = new EvictionManager({
    ...common,
    metrics: options.kubeletMetrics,
    thresholds: thresholdsOf(configuration),
    transitionMs: configuration.evictionPressureTransitionPeriodMs,
    maxPodGracePeriodSeconds: configuration.evictionMaxPodGracePeriod,
    ...(options.evictionIntervalMs === undefined ? {} : { intervalMs: options.evictionIntervalMs }),
    measurer:
      options.measurer ??
      createMeasurer({ ...services, rootDir: options.rootDir, allPodsMemoryBytes: limits.memoryLimitBytes }),
    activePods: () => workers.activePods(),
    endPod: (uid, order) => workers.end(uid, order),
    reclaimDisk: [
      (signal) => removeContainersOfEndedPods(services, workers.pods(), signal),
      (signal) => images.removeUnused(signal),
    ],
    onPressure: options.onPressure,
  });
  return {
    eviction,
    images,
    run: async (signal) => {
      await Promise.all([eviction.run(signal), images.run(signal), keepQosShares(options, signal)]);
    },
  };
}

const qosIntervalMs = 10_000;

/** The CPU weights of the classes of Pods follow what their Pods ask for. */
async function keepQosShares(
  { services, workers, clock, log }: NodeCareOptions,
  signal: AbortSignal,
): Promise<void> {
  let written = '';
  const stopped = (): boolean => signal.aborted;
  while (!stopped()) {
    const shares = qosCpuShares(workers.activePods());
    const wanted = JSON.stringify(shares);
    try {
      if (wanted !== written) await services.cgroups.setQosShares(shares);
      written = wanted;
    } catch (error) {
      log.warn('the weights of the classes of pods could not be set, will try again', { err: error });
    }
    await sleep(clock, qosIntervalMs, signal);
  }
}
