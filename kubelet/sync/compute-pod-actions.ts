/**
 * The kubelet's core decision, pure: given what a Pod wants, what the runtime has, the time and the restart history,
 * what is to be done next?
 *
 * It is asked again after every step and after every change, and answers the same for the same input, so a kubelet
 * that was killed in between goes on where it was. It follows Kubernetes' rules: init containers one after the
 * other, sidecars (init containers that restart always) before the rest, restarts by policy with backoff, a lost
 * sandbox means a new one for everything.
 */
import type { Container, Pod } from '../../api/generated/core-v1.js';
import type { EndOrder } from '../admission/end-order.js';
import { containerHash } from '../containers/names.js';
import { latestContainer } from '../runtime-state/pod-runtime.js';
import type { ContainerRuntimeState, SandboxRuntime } from '../runtime-state/pod-runtime.js';
import { ActionPlan } from './action-plan.js';
import type { CurrentContainer, PodActionsInput } from './action-plan.js';
import { planInitContainers } from './plan-init-containers.js';
import type { PodActions } from './pod-actions.js';
import { willRestart } from './restart-policy.js';

export function computePodActions(input: PodActionsInput): PodActions {
  const { pod } = input;
  const deadline = deadlineOf(pod);
  if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return finish(input, undefined);
  if (input.order !== undefined) return finish(input, input.order);
  if (deadline !== undefined && input.nowMs >= deadline) {
    return finish(input, {
      reason: 'DeadlineExceeded',
      message: 'Pod was active on the node longer than the specified deadline',
    });
  }
  const plan = new ActionPlan(input);
  plan.wakeAt(deadline);
  const sandbox = usableSandbox(input);
  if (sandbox === undefined) return planNewSandbox(input, plan);
  const current = (name: string): ContainerRuntimeState | undefined =>
    input.runtime.containers.find(
      (container) => container.name === name && container.sandboxId === sandbox.id,
    );
  const outcome = planContainers(input, plan, current);
  if (outcome === 'finished') return finish(input, undefined);
  planEphemeralContainers(input, plan, current);
  return plan.build({ sandbox, createSandbox: undefined, stopSandboxes: oldSandboxes(input, sandbox.id) });
}

/** A sandbox that is ready and has the network that the Pod asks for. */
function usableSandbox({ pod, runtime }: PodActionsInput): SandboxRuntime | undefined {
  const newest = runtime.sandboxes[0];
  if (newest?.state !== 'ready') return undefined;
  const hostNetwork = pod.spec.hostNetwork === true;
  if (hostNetwork !== (newest.network === 'NODE')) return undefined;
  return hostNetwork || newest.ips.length > 0 ? newest : undefined;
}

function oldSandboxes({ runtime }: PodActionsInput, keep: string): string[] {
  return runtime.sandboxes
    .filter((sandbox) => sandbox.id !== keep && sandbox.state === 'ready')
    .map((sandbox) => sandbox.id);
}

function planNewSandbox(input: PodActionsInput, plan: ActionPlan): PodActions {
  const { pod, runtime } = input;
  const ended = (container: Container): ContainerRuntimeState | undefined =>
    latestContainer(runtime, container.name);
  // Containers that will not be started again do not need a sandbox.
  const mayStart = pod.spec.containers.filter((container) => {
    const last = ended(container);
    return last === undefined || mayRestart(pod, container, last);
  });
  const everStarted = runtime.containers.length > 0;
  const neverAgain =
    pod.spec.restartPolicy === 'Never' && mayStart.every(({ restartPolicy }) => restartPolicy === undefined);
  if (mayStart.length === 0 || (neverAgain && everStarted)) return finish(input, undefined);
  for (const container of runtime.containers) {
    if (container.state === 'running') plan.stop(container, 'SandboxLost', 'Pod sandbox changed.');
  }
  planContainers(input, plan, () => undefined, mayStart);
  return plan.build({
    sandbox: undefined,
    createSandbox: {
      attempt: Math.max(-1, ...runtime.sandboxes.map((sandbox) => sandbox.attempt)) + 1,
    },
    stopSandboxes: runtime.sandboxes.map((sandbox) => sandbox.id),
  });
}

function planContainers(
  input: PodActionsInput,
  plan: ActionPlan,
  current: CurrentContainer,
  regular: readonly Container[] = input.pod.spec.containers,
): 'finished' | 'going-on' {
  const initialized = input.pod.spec.containers.some((container) => current(container.name) !== undefined);
  const init = planInitContainers(input, plan, current, initialized);
  if (init === 'failed') return 'finished';
  if (init === 'busy' && !initialized) return 'going-on';
  let unfinished = 0;
  for (const container of regular) {
    if (planRegularContainer(input, plan, container, current(container.name))) unfinished++;
  }
  return unfinished === 0 ? 'finished' : 'going-on';
}

/** Plans for one container; true while it runs or will run again. */
function planRegularContainer(
  input: PodActionsInput,
  plan: ActionPlan,
  container: Container,
  now: ContainerRuntimeState | undefined,
): boolean {
  if (now === undefined) {
    plan.start(container, latestContainer(input.runtime, container.name));
    return true;
  }
  if (now.state === 'running') {
    plan.checkRunning(container, now);
    return true;
  }
  if (now.state === 'exited' && !mayRestart(input.pod, container, now)) return false;
  plan.start(container, now);
  return true;
}

/** Each is started once, as soon as there is a sandbox for it, and its end changes nothing. */
function planEphemeralContainers(
  { pod, runtime }: PodActionsInput,
  plan: ActionPlan,
  current: CurrentContainer,
): void {
  for (const container of pod.spec.ephemeralContainers ?? []) {
    const published = pod.status.ephemeralContainerStatuses?.find(({ name }) => name === container.name);
    if (latestContainer(runtime, container.name) !== undefined || published?.containerID !== undefined)
      continue;
    const { targetContainerName: target = '' } = container;
    const now = target === '' ? undefined : current(target);
    if (target !== '' && now?.state !== 'running') {
      const message = `unable to find target container ${target}: it is not running`;
      plan.wait(container.name, { reason: 'CreateContainerConfigError', message });
      continue;
    }
    plan.startEphemeral(container, now?.id);
  }
}

function mayRestart(pod: Pod, container: Container, last: ContainerRuntimeState): boolean {
  if (last.state !== 'exited') return true;
  // A changed image is a new container, whatever the policy says of the old one.
  if (last.hash !== containerHash(container)) return true;
  return willRestart(pod.spec, container, last.exitCode);
}

/** All ends: containers that still run, then the sandbox. The containers themselves stay for their logs. */
function finish(input: PodActionsInput, failure: EndOrder | undefined): PodActions {
  const plan = new ActionPlan(input);
  for (const container of input.runtime.containers) {
    if (container.state === 'running') plan.stop(container, 'PodFinished', 'Pod has finished.');
  }
  const stopSandboxes = input.runtime.sandboxes
    .filter((sandbox) => sandbox.state === 'ready')
    .map((sandbox) => sandbox.id);
  const built = plan.build({ sandbox: undefined, createSandbox: undefined, stopSandboxes });
  return { ...built, finished: true, failure };
}

function deadlineOf(pod: Pod): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  const start = pod.status.startTime;
  if (activeDeadlineSeconds === undefined || start === undefined) return undefined;
  return Date.parse(start) + activeDeadlineSeconds * 1000;
}
