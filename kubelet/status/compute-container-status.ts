/**
 * The status of one container, pure: from what the runtime has of it, and from what was published where the runtime
 * has forgotten.
 */
import type {
  Container,
  ContainerState,
  ContainerStateTerminated,
  ContainerStatus,
  Pod,
  PodStatus,
  VolumeMountStatus,
} from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';
import { resizableContainers } from '../resize/allocated-pod.js';
import { absolutePath } from '../volumes/container-mounts.js';
import type { ContainerRuntimeState } from '../runtime-state/pod-runtime.js';
import type { PodStatusInput } from './pod-status-input.js';

export function computeContainerStatus(
  input: PodStatusInput,
  container: Container,
  defaultWaiting: string,
): ContainerStatus {
  const status = statusOf(input, container, defaultWaiting);
  if (!resizableContainers(input.pod).includes(container)) return status;
  const isRunning = status.state?.running !== undefined;
  const allocated = container.resources ?? {};
  const { requests = {} } = allocated;
  return {
    ...status,
    ...(Object.keys(requests).length === 0 ? {} : { allocatedResources: requests }),
    // One that does not run will have what it was promised.
    resources: isRunning ? (input.actuated[container.name] ?? allocated) : allocated,
  };
}

function statusOf(input: PodStatusInput, container: Container, defaultWaiting: string): ContainerStatus {
  const history = input.runtime.containers.filter((one) => one.name === container.name);
  const [now, before] = history;
  const published = publishedStatus(input.previous, container.name);
  if (now === undefined) return statusWithoutContainer(input, container, published, defaultWaiting);
  const waiting = input.waiting.get(container.name);
  const id = containerId(input, now);
  const isWaiting = now.state !== 'running' && (waiting !== undefined || now.state !== 'exited');
  const state: ContainerState = isWaiting
    ? { waiting: waiting === undefined ? { reason: defaultWaiting } : { ...waiting } }
    : runningOrTerminated(input, now);
  const ended = now.state === 'exited' && isWaiting ? now : before?.state === 'exited' ? before : undefined;
  const lastState: ContainerState =
    ended === undefined
      ? restartedSince(published, now.attempt, id)
      : { terminated: terminated(input, ended) };
  const started = now.state === 'running' && input.readiness.isStarted(container, now.id);
  const isEphemeral = (input.pod.spec.ephemeralContainers ?? []).some(({ name }) => name === container.name);
  // An init container is ready when it has ended well; only a sidecar can be ready while it runs.
  const ready =
    (input.pod.spec.initContainers ?? []).includes(container) && !isSidecar(container)
      ? now.state === 'exited' && now.exitCode === 0
      : !isEphemeral && started && input.readiness.isReady(container, now.id);
  const volumeMounts = mountStatuses(container, now);
  return {
    name: container.name,
    state,
    lastState,
    ready,
    restartCount: now.attempt,
    image: now.image === '' ? (container.image ?? '') : now.image,
    imageID: now.imageRef,
    containerID: id,
    started,
    ...(volumeMounts.length === 0 ? {} : { volumeMounts }),
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
  };
}

/** Whether a mount was made recursively read-only is the runtime's word, whatever the Pod would like. */
function mountStatuses(
  { volumeMounts = [] }: Container,
  { recursiveReadOnlyPaths = [] }: ContainerRuntimeState,
): VolumeMountStatus[] {
  return volumeMounts.map(({ name, mountPath, readOnly }) => ({
    name,
    mountPath,
    ...(readOnly === true
      ? {
          readOnly,
          recursiveReadOnly: recursiveReadOnlyPaths.includes(absolutePath(mountPath))
            ? 'Enabled'
            : 'Disabled',
        }
      : {}),
  }));
}

function publishedStatus(previous: PodStatus, name: string): ContainerStatus | undefined {
  const { initContainerStatuses = [], containerStatuses = [], ephemeralContainerStatuses = [] } = previous;
  return [...initContainerStatuses, ...containerStatuses, ...ephemeralContainerStatuses].find(
    (status) => status.name === name,
  );
}

/** The last state as published, when the runtime has no older container to tell of. */
function restartedSince(published: ContainerStatus | undefined, attempt: number, id: string): ContainerState {
  if (published === undefined || attempt === 0) return {};
  if (published.containerID === id) return published.lastState ?? {};
  if (published.state?.terminated !== undefined) return { terminated: published.state.terminated };
  return published.lastState ?? {};
}

function statusWithoutContainer(
  input: PodStatusInput,
  container: Container,
  published: ContainerStatus | undefined,
  defaultWaiting: string,
): ContainerStatus {
  const waiting = input.waiting.get(container.name) ?? { reason: defaultWaiting, message: '' };
  const blank: ContainerStatus = {
    name: container.name,
    state: { waiting: waiting.message === '' ? { reason: waiting.reason } : { ...waiting } },
    lastState: {},
    ready: false,
    restartCount: published?.restartCount ?? 0,
    image: container.image ?? '',
    imageID: '',
    started: false,
  };
  if (published?.containerID === undefined || published.containerID === '') return blank;
  const lost: ContainerStateTerminated = published.state?.terminated ?? {
    exitCode: 137,
    reason: 'ContainerStatusUnknown',
    message: 'The container could not be located when the pod was terminated',
  };
  const isEphemeral = (input.pod.spec.ephemeralContainers ?? []).some(({ name }) => name === container.name);
  if (input.ending || isEphemeral)
    return { ...published, state: { terminated: lost }, ready: false, started: false };
  return {
    ...blank,
    containerID: published.containerID,
    imageID: published.imageID,
    lastState: published.state?.waiting !== undefined ? (published.lastState ?? {}) : { terminated: lost },
  };
}

function runningOrTerminated(input: PodStatusInput, now: ContainerRuntimeState): ContainerState {
  return now.state === 'running'
    ? { running: { startedAt: toTime(now.startedAtMs) } }
    : { terminated: terminated(input, now) };
}

function terminated(input: PodStatusInput, ended: ContainerRuntimeState): ContainerStateTerminated {
  return {
    exitCode: ended.exitCode,
    reason: ended.reason === '' ? (ended.exitCode === 0 ? 'Completed' : 'Error') : ended.reason,
    ...(ended.message === '' ? {} : { message: ended.message.slice(0, maxMessageLength(input.pod)) }),
    startedAt: toTime(ended.startedAtMs),
    finishedAt: toTime(ended.finishedAtMs),
    containerID: containerId(input, ended),
  };
}

/** All messages of a Pod share 12 KiB. */
function maxMessageLength({ spec }: Pod): number {
  return Math.floor((12 * 1024) / (spec.containers.length + (spec.initContainers ?? []).length));
}

function containerId(input: PodStatusInput, container: ContainerRuntimeState): string {
  return `${input.runtimeName}://${container.id}`;
}

/** RFC 3339 in whole seconds, as metav1.Time is written. */
function toTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replace(/\.\d+Z$/, 'Z');
}
