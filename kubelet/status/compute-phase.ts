/** A Pod's phase from the states of its containers, by Kubernetes' rules. Pure. */
import type {
  Container,
  ContainerStateTerminated,
  ContainerStatus,
  PodPhase,
  RestartPolicy,
} from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';
import { willRestart } from '../sync/restart-policy.js';

interface ContainerWithStatus {
  readonly container: Container;
  readonly status: ContainerStatus;
}

export interface PhaseInput {
  readonly restartPolicy: RestartPolicy;
  readonly init: readonly ContainerWithStatus[];
  readonly regular: readonly ContainerWithStatus[];
  /** Nothing will be started again. */
  readonly ending: boolean;
  /** The regular containers have had their turn: what happens to a sidecar no longer takes the Pod back to Pending. */
  readonly initialized: boolean;
  readonly previous: PodPhase | undefined;
}

export function computePhase(input: PhaseInput): PodPhase {
  // An end is final.
  if (input.previous === 'Succeeded' || input.previous === 'Failed') return input.previous;
  const init = countInit(input);
  if (init.failed) return 'Failed';
  let waiting = 0;
  let running = init.runningSidecars;
  let stopped = 0;
  let succeeded = 0;
  let restarting = 0;
  for (const { container, status } of input.regular) {
    const ended = endOf(status);
    if (status.state?.running !== undefined) running++;
    else if (ended !== undefined) {
      stopped++;
      if (ended.exitCode === 0) succeeded++;
      if (willRestart(input, container, ended.exitCode)) restarting++;
    } else waiting++;
  }
  if (init.pending && !(input.initialized && stopped + running > 0)) return 'Pending';
  if (waiting > 0) return input.previous === 'Running' ? 'Running' : 'Pending';
  if (running > 0) return 'Running';
  if (stopped === 0) return 'Pending';
  if (restarting > 0 && !input.ending) return 'Running';
  return stopped === succeeded ? 'Succeeded' : 'Failed';
}

/** How a container ended that does not run now, also while it waits to be started again. */
function endOf({ state, lastState }: ContainerStatus): ContainerStateTerminated | undefined {
  return state?.terminated ?? (state?.waiting === undefined ? undefined : lastState?.terminated);
}

function countInit(input: PhaseInput): { failed: boolean; pending: boolean; runningSidecars: number } {
  let pending = false;
  let runningSidecars = 0;
  for (const { container, status } of input.init) {
    const ended = endOf(status);
    if (isSidecar(container)) {
      if (status.state?.running !== undefined) runningSidecars++;
      if (status.started !== true && ended === undefined) pending = true;
    } else if (ended === undefined) pending = true;
    else if (ended.exitCode !== 0) {
      if (!willRestart(input, container, ended.exitCode)) return { failed: true, pending, runningSidecars };
      pending = true;
    }
  }
  return { failed: false, pending, runningSidecars };
}
