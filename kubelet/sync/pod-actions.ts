/** What is to be done next for one Pod: plain data between the decision and its execution. */
import type { Container } from '../../api/generated/core-v1.js';
import type { EndOrder } from '../admission/end-order.js';
import type { SandboxRuntime } from '../runtime-state/pod-runtime.js';
import type { RestartBackoffEntry } from './restart-backoff.js';

export interface StopAction {
  readonly containerId: string;
  readonly containerName: string;
  /** For the Event: why. */
  readonly reason:
    'LivenessProbe' | 'StartupProbe' | 'DefinitionChanged' | 'Resized' | 'SandboxLost' | 'PodFinished';
  readonly message: string;
  readonly gracePeriodSeconds: number;
}

export interface StartAction {
  readonly container: Container;
  /** 0 at the first start; also the number of its log file. */
  readonly restartCount: number;
  /** A container of the same name and number that never ran, to be removed first. */
  readonly replaces?: string;
  /** To be remembered under `backoffKey` when the start is tried. */
  readonly backoff: { readonly key: string; readonly entry: RestartBackoffEntry } | undefined;
  /** Whose processes an ephemeral container shall see: the ID of a container of this sandbox. */
  readonly targetContainerId?: string;
}

export interface WaitingReason {
  readonly reason: string;
  readonly message: string;
}

export interface PodActions {
  /** Sandboxes that must end, with all containers in them. */
  readonly stopSandboxes: readonly string[];
  readonly createSandbox: { readonly attempt: number } | undefined;
  /** The sandbox to go on with, unless one is created. */
  readonly sandbox: SandboxRuntime | undefined;
  readonly stopContainers: readonly StopAction[];
  /** In this order. */
  readonly startContainers: readonly StartAction[];
  /** Containers that wait for their time, by name. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  /** Ask again at this time even if nothing happens. */
  readonly wakeAtMs: number | undefined;
  /** Nothing will ever be started again; what runs ends in the order of a Pod's end. */
  readonly finished: boolean;
  /** The Pod as a whole failed. */
  readonly failure: EndOrder | undefined;
}
