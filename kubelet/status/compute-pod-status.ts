/**
 * A Pod's status from what the runtime has, pure: phase, conditions and the state of each container.
 *
 * `previous` is the status published last; what the runtime has forgotten (after a reboot, or once old containers
 * were removed) is taken from there, so that restart counts and last states survive.
 */
import type { Container, ContainerStatus, PodStatus } from '../../api/generated/core-v1.js';
import { findCondition, isSidecar, podQosClass } from '../../api/pod-helpers.js';
import type { EndOrder } from '../admission/end-order.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import { computeConditions } from './compute-conditions.js';
import { computeContainerStatus } from './compute-container-status.js';
import { computePhase } from './compute-phase.js';
import type { PodStatusInput } from './pod-status-input.js';

export function computePodStatus(input: PodStatusInput): PodStatus {
  const { pod, previous, hostIp } = input;
  const now = new Date(input.nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  if (input.failure?.isRejection === true) return rejectedStatus(input, input.failure, now);
  if (wasRejected(input)) return previous;
  const initDone = isInitialized(input);
  const initContainerStatuses = (pod.spec.initContainers ?? []).map((container) =>
    computeContainerStatus(input, container, 'PodInitializing'),
  );
  const waitingReason = initDone ? 'ContainerCreating' : 'PodInitializing';
  const containerStatuses = pod.spec.containers.map((container) =>
    computeContainerStatus(input, container, waitingReason),
  );
  const ephemeralContainerStatuses = (pod.spec.ephemeralContainers ?? []).map((container) =>
    computeContainerStatus(input, container, 'ContainerCreating'),
  );
  const computed = computePhase({
    restartPolicy: pod.spec.restartPolicy ?? 'Always',
    init: withSpecs(pod.spec.initContainers ?? [], initContainerStatuses),
    regular: withSpecs(pod.spec.containers, containerStatuses),
    ending: input.ending,
    initialized: initDone,
    previous: previous.phase,
  });
  // While something of it runs a Pod is not over: whoever waits for its end could start a second one beside it.
  const stillRuns = !isOver(previous) && input.runtime.containers.some(({ state }) => state === 'running');
  const failure = stillRuns ? undefined : input.failure;
  const wanted = failure === undefined ? computed : 'Failed';
  const phase = stillRuns && isOver({ phase: wanted }) ? (previous.phase ?? 'Running') : wanted;
  const ips = podIps(input);
  const reason = failure?.reason ?? previous.reason;
  const message = failure?.message ?? previous.message;
  const draft: PodStatus = {
    phase,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    ...(ips[0] === undefined ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: previous.startTime ?? now,
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
    ...(ephemeralContainerStatuses.length === 0 ? {} : { ephemeralContainerStatuses }),
    qosClass: previous.qosClass ?? podQosClass(pod.spec),
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
  };
  return { ...draft, conditions: computeConditions(input, draft, initDone, now) };
}

/** Only of what never was here nothing is told of containers. */
function wasRejected({ previous, runtime }: PodStatusInput): boolean {
  return (
    previous.phase === 'Failed' && previous.containerStatuses === undefined && runtime.containers.length === 0
  );
}

/** Nothing was ever made for this Pod: there is nothing to tell of containers and addresses. */
function rejectedStatus({ pod, previous }: PodStatusInput, order: EndOrder, now: string): PodStatus {
  const { generation } = pod.metadata;
  return {
    phase: 'Failed',
    reason: order.reason,
    message: order.message,
    startTime: previous.startTime ?? now,
    qosClass: previous.qosClass ?? podQosClass(pod.spec),
    ...(previous.conditions === undefined ? {} : { conditions: previous.conditions }),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

function withSpecs(
  containers: readonly Container[],
  statuses: readonly ContainerStatus[],
): { container: Container; status: ContainerStatus }[] {
  return containers.flatMap((container, index) => {
    const status = statuses[index];
    return status === undefined ? [] : [{ container, status }];
  });
}

function podIps({ pod, runtime, hostIp, previous, ending }: PodStatusInput): readonly string[] {
  const sandbox = readySandbox(runtime);
  if (pod.spec.hostNetwork === true)
    return sandbox !== undefined || previous.podIP !== undefined ? [hostIp] : [];
  if (sandbox !== undefined && sandbox.ips.length > 0) return sandbox.ips;
  // A Pod that has ended keeps the address that it had; one that is to get a new sandbox has none.
  return ending ? (previous.podIPs ?? []).map(({ ip }) => ip) : [];
}

/** All init containers have ended well and all sidecars have started. */
function isInitialized({ pod, runtime, readiness, previous }: PodStatusInput): boolean {
  const init = pod.spec.initContainers ?? [];
  if (init.length === 0) return true;
  const sandbox = readySandbox(runtime);
  const created = pod.spec.containers.some((container) =>
    runtime.containers.some((one) => one.name === container.name && one.sandboxId === sandbox?.id),
  );
  if (created) return true;
  if (sandbox === undefined && runtime.containers.length === 0)
    return findCondition(previous.conditions, 'Initialized')?.status === 'True' && isOver(previous);
  return init.every((container) => {
    const now = runtime.containers.find(
      (one) => one.name === container.name && (sandbox === undefined || one.sandboxId === sandbox.id),
    );
    if (now === undefined) return false;
    return isSidecar(container)
      ? now.state === 'running' && readiness.isStarted(container, now.id)
      : now.state === 'exited' && now.exitCode === 0;
  });
}

function isOver(status: PodStatus): boolean {
  return status.phase === 'Succeeded' || status.phase === 'Failed';
}
