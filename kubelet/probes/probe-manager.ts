/**
 * Runs the probes of all running containers, one timer each, and keeps their verdicts.
 *
 * A startup probe comes first: until it succeeds the others wait. A liveness or startup probe that failed is not run
 * again, because its container is about to be replaced. Verdicts belong to a container ID, so a restart begins anew; a
 * kubelet that was restarted takes over what the apiserver has published, so that nothing flaps.
 */
import type { Container, ContainerStatus, Pod, Probe } from '../../api/generated/core-v1.js';
import { isAborted } from '../../client/is-aborted.js';
import type { EventRecorder } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import { readySandbox } from '../runtime-state/pod-runtime.js';
import type { ContainerRuntimeState, PodRuntime } from '../runtime-state/pod-runtime.js';
import type { ContainerReadiness } from '../status/pod-status-input.js';
import type { ProbeVerdicts } from '../sync/action-plan.js';
import { advanceProbe, initialProbeState } from './probe-threshold.js';
import type { ProbeState, Verdict } from './probe-threshold.js';
import { countingFromMs, firstCheckMs, nextCheckDelayMs } from './probe-schedule.js';
import type { ProbeKind } from './probe-schedule.js';
import type { KubeletMetrics, ProbedContainer } from '../kubelet-metrics.js';
import { runCheck } from './run-check.js';

const kinds: readonly ProbeKind[] = ['startup', 'liveness', 'readiness'];
const definitions = {
  startup: 'startupProbe',
  liveness: 'livenessProbe',
  readiness: 'readinessProbe',
} as const;
const words = { startup: 'Startup', liveness: 'Liveness', readiness: 'Readiness' } as const;

/** Whoever can keep a container from being killed though its probe condemns it. */
export interface ProbeMercy {
  /**
   * Asked at each check of a liveness or startup probe that failed; its answer counts when `isCondemned`: the container
   * would be killed for this one. Does not reject.
   */
  spares(pod: Pod, container: Container, containerId: string, isCondemned: boolean): Promise<boolean>;
  /** The container is gone. */
  forget(containerId: string): void;
}

export interface ProbeManagerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly recorder: EventRecorder;
  readonly metrics?: Pick<KubeletMetrics, 'probed' | 'forgetProbes'>;
  /** Nobody is spared when absent. */
  readonly mercy?: ProbeMercy | undefined;
  /** The address of Pods in the node's network. */
  readonly hostIp: string;
  /** A verdict of this Pod changed. */
  readonly onChange: (uid: string) => void;
}

interface Running {
  readonly pod: Pod;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  readonly startedAtMs: number;
  readonly abort: AbortController;
  readonly states: Map<ProbeKind, ProbeState>;
  readonly timers: Map<ProbeKind, () => void>;
}

export class ProbeManager implements ProbeVerdicts, ContainerReadiness {
  readonly #options: ProbeManagerOptions;
  readonly #running = new Map<string, Running>();

  constructor(options: ProbeManagerOptions) {
    this.#options = options;
  }

  liveness(containerId: string): Verdict {
    return this.#verdict(containerId, 'liveness');
  }

  startup(containerId: string): Verdict {
    return this.#verdict(containerId, 'startup');
  }

  isStarted(container: Container, containerId: string): boolean {
    return container.startupProbe === undefined || this.startup(containerId) === 'success';
  }

  isReady(container: Container, containerId: string): boolean {
    return container.readinessProbe === undefined || this.#verdict(containerId, 'readiness') === 'success';
  }

  /** Probes exactly the running containers of this Pod. Idempotent. */
  track(pod: Pod, runtime: PodRuntime): void {
    const sandbox = readySandbox(runtime);
    const alive = new Set<string>();
    for (const container of [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]) {
      if (kinds.every((kind) => container[definitions[kind]] === undefined)) continue;
      const now = runtime.containers.find((one) => one.name === container.name);
      if (now?.state !== 'running' || sandbox === undefined) continue;
      alive.add(now.id);
      if (!this.#running.has(now.id))
        this.#begin(pod, container, now, sandbox.ips[0] ?? this.#options.hostIp);
    }
    for (const [id, running] of this.#running)
      if (running.pod.metadata.uid === pod.metadata.uid && !alive.has(id)) this.#end(id, running);
  }

  /** Ends all probes of a Pod. */
  forget(uid: string): void {
    for (const [id, running] of this.#running) if (running.pod.metadata.uid === uid) this.#end(id, running);
  }

  stop(): void {
    for (const [id, running] of this.#running) this.#end(id, running);
  }

  #verdict(containerId: string, kind: ProbeKind): Verdict {
    return this.#running.get(containerId)?.states.get(kind)?.verdict ?? 'unknown';
  }

  #begin(pod: Pod, container: Container, now: ContainerRuntimeState, podIp: string): void {
    const running: Running = {
      pod,
      container,
      containerId: now.id,
      podIp,
      startedAtMs: now.startedAtMs,
      abort: new AbortController(),
      states: adoptedStates(pod, container, now.id),
      timers: new Map(),
    };
    this.#running.set(now.id, running);
    if (this.isStarted(container, now.id)) this.#scheduleAfterStartup(running);
    else this.#scheduleFirst(running, 'startup');
  }

  #scheduleAfterStartup(running: Running): void {
    this.#scheduleFirst(running, 'liveness');
    this.#scheduleFirst(running, 'readiness');
  }

  #scheduleFirst(running: Running, kind: ProbeKind): void {
    const probe = running.container[definitions[kind]];
    if (probe === undefined) return;
    const dueMs = running.startedAtMs + firstCheckMs(kind, probe);
    this.#schedule(running, kind, probe, Math.max(0, dueMs - this.#options.clock.now()));
  }

  #schedule(running: Running, kind: ProbeKind, probe: Probe, delayMs: number): void {
    const cancel = this.#options.clock.schedule(delayMs, () => {
      void this.#check(running, kind, probe);
    });
    running.timers.set(kind, cancel);
  }

  /** Does not reject: `runCheck` makes a result of every error. */
  async #check(running: Running, kind: ProbeKind, probe: Probe): Promise<void> {
    const { runtime, recorder, onChange, clock, metrics } = this.#options;
    const { container, containerId, podIp, abort, pod } = running;
    const ageMs = clock.now() - running.startedAtMs;
    const target = { runtime, container, containerId, podIp, clock };
    const beganMs = clock.monotonicMs();
    const result = await runCheck(probe, target, probe.timeoutSeconds ?? 1, abort.signal);
    if (abort.signal.aborted) return;
    const before = running.states.get(kind) ?? initialProbeState;
    const ok = result.outcome === 'success' || result.outcome === 'warning';
    const counted = ok ? 'successful' : result.outcome === 'unknown' ? 'unknown' : 'failed';
    metrics?.probed(subjectOf(running), kind, counted, (clock.monotonicMs() - beganMs) / 1000);
    const counts = result.outcome !== 'unknown' && (ok || ageMs >= countingFromMs(probe));
    const judged = !counts
      ? before
      : advanceProbe(before, ok, {
          success: kind === 'readiness' ? (probe.successThreshold ?? 1) : 1,
          failure: probe.failureThreshold ?? 3,
        });
    const after = ok || !counts ? judged : await this.#spare(running, kind, before, judged);
    if (isAborted(abort.signal)) return;
    running.states.set(kind, after);
    const event = (reason: string, what: string): void => {
      recorder.event(pod, 'Warning', reason, `${words[kind]} probe ${what}: ${result.output}`);
    };
    if (!ok && counts) event('Unhealthy', 'failed');
    else if (result.outcome === 'unknown') event('Unhealthy', 'errored');
    else if (result.outcome === 'warning') event('ProbeWarning', 'warning');
    if (after.verdict !== before.verdict) onChange(pod.metadata.uid);
    const isFinal =
      kind === 'startup' ? after.verdict !== 'unknown' : kind === 'liveness' && after.verdict === 'failure';
    if (!isFinal) this.#schedule(running, kind, probe, nextCheckDelayMs(probe, ageMs, after.verdict));
    else if (kind === 'startup' && after.verdict === 'success') this.#scheduleAfterStartup(running);
  }

  /** The failures stay counted, so that the next one condemns the container anew. Readiness tells the truth. */
  async #spare(
    { pod, container, containerId }: Running,
    kind: ProbeKind,
    before: ProbeState,
    judged: ProbeState,
  ): Promise<ProbeState> {
    const { mercy } = this.#options;
    if (mercy === undefined || kind === 'readiness') return judged;
    const isCondemned = judged.verdict === 'failure';
    const isSpared = await mercy.spares(pod, container, containerId, isCondemned);
    return isCondemned && isSpared ? { ...judged, verdict: before.verdict } : judged;
  }

  #end(id: string, running: Running): void {
    running.abort.abort();
    for (const cancel of running.timers.values()) cancel();
    this.#running.delete(id);
    this.#options.mercy?.forget(id);
    this.#options.metrics?.forgetProbes(subjectOf(running));
  }
}

function subjectOf({ pod: { metadata }, container }: Running): ProbedContainer {
  return {
    namespace: metadata.namespace,
    pod: metadata.name,
    podUid: metadata.uid,
    container: container.name,
  };
}

/** What was published for this very container is believed until a probe says otherwise. */
function adoptedStates(pod: Pod, container: Container, id: string): Map<ProbeKind, ProbeState> {
  const statuses: ContainerStatus[] = [
    ...(pod.status.containerStatuses ?? []),
    ...(pod.status.initContainerStatuses ?? []),
  ];
  const published = statuses.find((status) => status.name === container.name);
  const states = new Map<ProbeKind, ProbeState>();
  if (published?.containerID?.endsWith(`://${id}`) !== true) return states;
  const adopted: ProbeState = { verdict: 'success', run: 1, lastOk: true };
  if (published.started === true) states.set('startup', adopted);
  if (published.ready) states.set('readiness', adopted);
  return states;
}
