/** A Pod's phase from the states of its containers, by Kubernetes' rules. Pure. */
import type { Container, ContainerStatus, PodPhase, RestartPolicy } from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';

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
  readonly previous: PodPhase | undefined;
}

export function computePhase(input: PhaseInput): PodPhase {
  // An end is final.
  if (input.previous === 'Succeeded' || input.previous === 'Failed') return input.previous;
  const init = countInit(input);
  if (init === 'failed') return 'Failed';
  let waiting = 0;
  let running = 0;
  let stopped = 0;
  let succeeded = 0;
  for (const { status } of input.regular) {
    const ended =
      status.state?.terminated ??
      (status.state?.waiting === undefined ? undefined : status.lastState?.terminated);
    if (status.state?.running !== undefined) running++;
    else if (ended !== undefined) {
      stopped++;
      if (ended.exitCode === 0) succeeded++;
    } else waiting++;
  }
  if (init === 'pending' && running === 0 && stopped === 0) return 'Pending';
  if (waiting > 0) return input.previous === 'Running' ? 'Running' : 'Pending';
  if (running > 0) return 'Running';
  if (input.restartPolicy === 'Always' && !input.ending) return 'Running';
  if (stopped > 0 && stopped === succeeded) return 'Succeeded';
  if (input.restartPolicy === 'OnFailure' && !input.ending) return 'Running';
  return stopped > 0 ? 'Failed' : 'Pending';
}

function countInit(input: PhaseInput): 'done' | 'pending' | 'failed' {
  for (const { container, status } of input.init) {
    if (isSidecar(container)) {
      if (status.started !== true && status.state?.terminated === undefined) return 'pending';
      continue;
    }
    const ended = status.state?.terminated;
    if (ended === undefined) return 'pending';
    if (ended.exitCode !== 0) return input.restartPolicy === 'Never' ? 'failed' : 'pending';
  }
  return 'done';
}
