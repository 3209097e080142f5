/** What a Pod's status is computed from: plain data and two questions to the probes. */
import type { Container, Pod, PodStatus } from '../../api/generated/core-v1.js';
import type { EndOrder } from '../admission/end-order.js';
import type { Sizes } from '../resize/allocated-pod.js';
import type { ResizeState } from '../resize/resize-state.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import type { StartupVerdict } from '../startup/gate.js';
import type { WaitingReason } from '../sync/pod-actions.js';

export interface ContainerReadiness {
  /** The startup probe succeeded, or there is none. */
  isStarted(container: Container, containerId: string): boolean;
  /** The readiness probe succeeded, or there is none. */
  isReady(container: Container, containerId: string): boolean;
}

export interface PodStatusInput {
  readonly pod: Pod;
  readonly runtime: PodRuntime;
  readonly previous: PodStatus;
  /** Why containers wait, by name: backoff, image errors, configuration errors. */
  readonly waiting: ReadonlyMap<string, WaitingReason>;
  readonly readiness: ContainerReadiness;
  readonly nowMs: number;
  readonly hostIp: string;
  /** `containerd`: the scheme of container IDs. */
  readonly runtimeName: string;
  /** What size each container was last given. */
  readonly actuated: Sizes;
  /** Of the Pod as a whole. */
  readonly resize: ResizeState;
  /** Nothing will be started any more: the Pod is being deleted, or has ended. */
  readonly ending: boolean;
  /** The Pod as a whole failed, whatever its containers say. */
  readonly failure: EndOrder | undefined;
  /** What the startup gate says; undefined: nothing new. */
  readonly startup?: StartupVerdict | undefined;
}
