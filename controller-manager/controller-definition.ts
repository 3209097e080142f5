/**
 * What a controller is to the controller manager: a name, and something that runs.
 *
 * A controller lives in `controllers/<name>/`: a pure file that decides, a thin loop that reads caches, calls it
 * and writes, and `controller.ts` that exports its {@link ControllerDefinition}. docs/add-a-controller.md shows how.
 */
import type { Registry } from 'prom-client';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { ApiClient, EventRecorder, InformerFactory } from '../client/types.js';
import type { WorkQueueMetrics } from '../client/work-queue-metrics.js';

/** Settings from the command line that concern controllers. Addresses in CIDR notation, times in milliseconds. */
export interface ControllerManagerSettings {
  readonly clusterCidr: string;
  readonly nodeCidrMaskSize: number;
  readonly allocateNodeCidrs: boolean;
  /** PEM text of the cluster's certificate authority, for kube-root-ca.crt. Without it nothing is published. */
  readonly rootCa: string | undefined;
  readonly nodeMonitorGracePeriodMs: number;
  /** How many finished pods are kept before the oldest are deleted; 0 keeps all. */
  readonly terminatedPodGcThreshold: number;
}

/** What every controller gets. All of it is shared by all controllers of the process. */
export interface ControllerContext {
  readonly client: ApiClient;
  /** Ask for informers (and declare indexes) in `create`: they start once all controllers are made. */
  readonly informers: InformerFactory;
  readonly log: Logger;
  readonly clock: Clock;
  readonly random: () => number;
  readonly settings: ControllerManagerSettings;
  /** For figures of its own. */
  readonly metrics: Registry;
  /** For `createController`: the controller's queue on /metrics. */
  readonly queueMetrics: WorkQueueMetrics;
  /** A recorder whose Events name `<component>` as their source, `replicaset-controller` for example. */
  readonly eventRecorder: (component: string) => EventRecorder;
}

/** Runs until the signal aborts; resolves when its work has ended. A rejection ends the whole process. */
export interface RunnableController {
  run(signal: AbortSignal): Promise<void>;
}

export interface ControllerDefinition {
  readonly name: string;
  create(context: ControllerContext): RunnableController;
}
