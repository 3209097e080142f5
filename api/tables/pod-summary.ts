/** One line about a Pod: the READY, STATUS and RESTARTS of `kubectl get pods`, from its spec and its status. */
import type { ContainerState, ContainerStatus, Pod } from '../generated/core-v1.js';
import { isPodReady, isPodTerminal, isSidecar, podCondition } from '../pod-helpers.js';

export interface PodSummary {
  readonly readyContainers: number;
  readonly totalContainers: number;
  /** The phase, or the most telling reason of a container. */
  readonly status: string;
  readonly restarts: number;
  /** RFC 3339; undefined when no container was restarted. */
  readonly lastRestart: string | undefined;
}

/** The reason that Kubernetes sets in the status of Pods of a node that no longer answers. */
const nodeLost = 'NodeLost';

export function summarizePod(pod: Pod): PodSummary {
  const sidecars = new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));
  const init = summarizeInit(pod, sidecars);
  const initialized = init.status === undefined || podCondition(pod, 'Initialized')?.status === 'True';
  const main = initialized ? summarizeMain(pod, init.status ?? basicStatus(pod)) : undefined;
  const counted = initialized
    ? [...init.statuses.filter(({ name }) => sidecars.has(name)), ...(pod.status.containerStatuses ?? [])]
    : init.statuses;
  return {
    readyContainers: init.readySidecars + (main?.ready ?? 0),
    totalContainers: pod.spec.containers.length + sidecars.size,
    status: deletionStatus(pod) ?? main?.status ?? init.status ?? basicStatus(pod),
    restarts: counted.reduce((sum, { restartCount }) => sum + restartCount, 0),
    lastRestart: latest(counted.map(({ lastState }) => lastState?.terminated?.finishedAt)),
  };
}

function basicStatus({ status }: Pod): string {
  const gated = status.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'SchedulingGated',
  );
  if (gated === true) return 'SchedulingGated';
  return status.reason !== undefined && status.reason !== '' ? status.reason : (status.phase ?? '');
}

function deletionStatus(pod: Pod): string | undefined {
  if (pod.metadata.deletionTimestamp === undefined) return undefined;
  if (pod.status.reason === nodeLost) return 'Unknown';
  return isPodTerminal(pod) ? undefined : 'Terminating';
}

interface InitSummary {
  /** Undefined when nothing holds the initialization up. */
  readonly status: string | undefined;
  readonly readySidecars: number;
  /** The init containers up to the one under way. */
  readonly statuses: readonly ContainerStatus[];
}

function summarizeInit(pod: Pod, sidecars: ReadonlySet<string>): InitSummary {
  const all = pod.status.initContainerStatuses ?? [];
  let readySidecars = 0;
  for (const [index, container] of all.entries()) {
    const state = container.state ?? {};
    if (state.terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started === true) {
      if (container.ready) readySidecars++;
      continue;
    }
    const progress = `${String(index)}/${String((pod.spec.initContainers ?? []).length)}`;
    const status = `Init:${initReason(state) ?? progress}`;
    return { status, readySidecars, statuses: all.slice(0, index + 1) };
  }
  return { status: undefined, readySidecars, statuses: all };
}

function initReason({ terminated, waiting }: ContainerState): string | undefined {
  if (terminated !== undefined) return terminationReason(terminated);
  const reason = waiting?.reason ?? '';
  return reason === '' || reason === 'PodInitializing' ? undefined : reason;
}

function summarizeMain(pod: Pod, before: string): { status: string; ready: number } {
  let status = before;
  let ready = 0;
  let anyRunning = false;
  // The first container has the last word.
  for (const container of [...(pod.status.containerStatuses ?? [])].reverse()) {
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason !== undefined && waiting.reason !== '') status = waiting.reason;
    else if (terminated !== undefined) status = terminationReason(terminated);
    else if (container.ready && running !== undefined) {
      anyRunning = true;
      ready++;
    }
  }
  if (status === 'Completed' && anyRunning) status = isPodReady(pod) ? 'Running' : 'NotReady';
  return { status, ready };
}

function terminationReason(terminated: NonNullable<ContainerState['terminated']>): string {
  if (terminated.reason !== undefined && terminated.reason !== '') return terminated.reason;
  const { signal } = terminated;
  return signal !== undefined && signal !== 0
    ? `Signal:${String(signal)}`
    : `ExitCode:${String(terminated.exitCode)}`;
}

function latest(times: readonly (string | undefined)[]): string | undefined {
  let found: string | undefined;
  for (const time of times) {
    if (time !== undefined && (found === undefined || Date.parse(time) > Date.parse(found))) found = time;
  }
  return found;
}
