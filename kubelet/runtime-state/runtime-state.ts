/**
 * The kubelet's view of the runtime: what exists for which pod, and who is told when that changes.
 *
 * Where the runtime sends container events (containerd 1.7 and newer) changes arrive at once and a full list every
 * ten seconds is the safety net (containerd 1.7 hands each event to one listener, also to one that is dead already). Elsewhere a full list every second finds them, and only while there are pods. Status
 * calls are made for containers whose state changed only; the rest is remembered by ID.
 */
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { annotations, labels } from '../containers/names.js';
import type { KubeletMetrics } from '../kubelet-metrics.js';
import { isCriError } from '../cri/runtime.js';
import type {
  ContainerRuntime,
  RuntimeContainer,
  RuntimeContainerStatus,
  Sandbox,
  SandboxStatus,
} from '../cri/runtime.js';
import { emptyPodRuntime } from './pod-runtime.js';
import type { ContainerRuntimeState, PodRuntime, SandboxRuntime } from './pod-runtime.js';

export interface RuntimeStateOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly log: Logger;
  /** What a container said at its end; called once, when it is first seen ended. */
  readonly readTerminationMessage: (status: RuntimeContainerStatus) => Promise<string>;
  readonly relistIntervalMs?: number;
  readonly metrics?: Pick<KubeletMetrics, 'relisted'>;
}

const withEventsRelistMs = 10_000;
/** A stream is asked for again after one second; the runtime has heard of it by then. */
const unsureMs = 5_000;

/** Who the sandboxes and containers belong to, without their details. */
export interface KnownPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
}

interface Seen extends KnownPod {
  fingerprint: string;
}

export class RuntimeState {
  readonly #options: RuntimeStateOptions;
  readonly #seen = new Map<string, Seen>();
  readonly #containers = new Map<string, ContainerRuntimeState>();
  readonly #sandboxes = new Map<string, SandboxRuntime>();
  readonly #listeners = new Set<(uid: string) => void>();
  #relistedAtMs: number | undefined;
  #podCount = 0;
  #wake: (() => void) | undefined;
  #relisted = false;
  /** Until then events may have been missed: the stream broke, or has just been asked for. */
  #unsureUntilMs = 0;
  #endWait: () => void = () => undefined;

  constructor(options: RuntimeStateOptions) {
    this.#options = options;
  }

  /** Called with the uid of each pod for which something changed. The returned function removes the listener. */
  onChange(listener: (uid: string) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** How many pods there are to watch over; with none nothing is asked of the runtime. */
  setPodCount(count: number): void {
    this.#podCount = count;
    if (count > 0) this.#wake?.();
  }

  /** All pods that own something in the runtime, as of the last list. */
  knownPods(): readonly KnownPod[] {
    return [...this.#seen.values()];
  }

  /** A pod that the runtime has never heard of needs no inspection. */
  isUnknown(uid: string): boolean {
    return this.#relisted && !this.#seen.has(uid);
  }

  /** Remembers that something was made for this pod, so that it is inspected from now on. */
  expect(pod: KnownPod): void {
    if (!this.#seen.has(pod.uid)) this.#seen.set(pod.uid, { ...pod, fingerprint: '' });
  }

  /** A sandbox that was just made; {@link inspect} need not ask for it again. Rejects with CriError. */
  async inspectNewSandbox(id: string): Promise<SandboxRuntime> {
    return this.#rememberSandbox(await this.#options.runtime.podSandboxStatus(id));
  }

  /** The pod as it is now. Rejects with CriError when the runtime cannot say. */
  async inspect(pod: KnownPod, signal?: AbortSignal): Promise<PodRuntime> {
    if (this.isUnknown(pod.uid)) return emptyPodRuntime(pod.uid, pod.namespace, pod.name);
    const { runtime } = this.#options;
    const filter = { labels: { [labels.podUid]: pod.uid } };
    const [sandboxes, containers] = await Promise.all([
      runtime.listPodSandboxes(filter, signal),
      runtime.listContainers(filter, signal),
    ]);
    const [sandboxStates, containerStates] = await Promise.all([
      Promise.all(sandboxes.map((sandbox) => this.#inspectSandbox(sandbox, signal))),
      Promise.all(containers.map((container) => this.#inspectContainer(container, signal))),
    ]);
    if (sandboxes.length + containers.length === 0) this.#seen.delete(pod.uid);
    else this.#seen.set(pod.uid, { ...pod, fingerprint: fingerprint(sandboxes, containers) });
    return {
      uid: pod.uid,
      namespace: pod.namespace,
      name: pod.name,
      sandboxes: sandboxStates.filter((state) => state !== undefined).sort(newestFirst),
      containers: containerStates.filter((state) => state !== undefined).sort(newestFirst),
    };
  }

  /** Follows the runtime until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const events = this.#followEvents(signal);
    const hasEvents = { now: true };
    void events.then((supported) => {
      hasEvents.now = supported;
    });
    while (!isAborted(signal)) {
      try {
        await this.relist(signal);
      } catch (error) {
        if (isAborted(signal)) break;
        this.#options.log.warn('the runtime could not be listed', { err: error });
      }
      const canRely = hasEvents.now && this.#options.clock.monotonicMs() >= this.#unsureUntilMs;
      const intervalMs = canRely ? withEventsRelistMs : (this.#options.relistIntervalMs ?? 1000);
      const wait = new AbortController();
      const stop = (): void => {
        wait.abort();
      };
      this.#endWait = stop;
      signal.addEventListener('abort', stop, { once: true });
      void events.then(stop);
      await sleep(this.#options.clock, intervalMs, hasEvents.now ? wait.signal : signal);
      signal.removeEventListener('abort', stop);
      await this.#untilThereArePods(signal);
    }
    await events;
  }

  /** Lists everything once and tells the listeners what changed. */
  async relist(signal?: AbortSignal): Promise<void> {
    const { runtime, clock, metrics } = this.#options;
    const beganMs = clock.monotonicMs();
    const before = new Map([...this.#seen].map(([uid, seen]) => [uid, seen.fingerprint]));
    const [sandboxes, containers] = await Promise.all([
      runtime.listPodSandboxes({}, signal),
      runtime.listContainers({}, signal),
    ]);
    const sinceLastMs = this.#relistedAtMs === undefined ? undefined : beganMs - this.#relistedAtMs;
    this.#relistedAtMs = beganMs;
    metrics?.relisted(
      (clock.monotonicMs() - beganMs) / 1000,
      sinceLastMs === undefined ? undefined : sinceLastMs / 1000,
      clock.now(),
    );
    const found = new Map<string, { pod: KnownPod; sandboxes: Sandbox[]; containers: RuntimeContainer[] }>();
    const entryOf = (
      object: Sandbox | RuntimeContainer,
    ): { sandboxes: Sandbox[]; containers: RuntimeContainer[] } => {
      const uid = object.labels[labels.podUid] ?? '';
      const namespace = object.labels[labels.podNamespace] ?? '';
      const name = object.labels[labels.podName] ?? '';
      const entry = found.get(uid) ?? { pod: { uid, namespace, name }, sandboxes: [], containers: [] };
      found.set(uid, entry);
      return entry;
    };
    for (const sandbox of sandboxes) entryOf(sandbox).sandboxes.push(sandbox);
    for (const container of containers) entryOf(container).containers.push(container);
    found.delete('');
    for (const [uid, entry] of found) {
      const after = fingerprint(entry.sandboxes, entry.containers);
      const seen = this.#seen.get(uid);
      // What a worker inspected meanwhile is newer than this list.
      if (seen !== undefined && seen.fingerprint !== before.get(uid)) continue;
      this.#seen.set(uid, { ...entry.pod, fingerprint: after });
      if (seen?.fingerprint !== after) this.#notify(uid);
    }
    for (const uid of before.keys()) {
      if (!found.has(uid) && before.get(uid) !== '' && this.#seen.get(uid)?.fingerprint === before.get(uid)) {
        this.#seen.delete(uid);
        this.#notify(uid);
      }
    }
    this.#relisted = true;
    this.#forget(new Set([...sandboxes, ...containers].map((object) => object.id)));
  }

  /** Resolves with false when the runtime has no events, with true when the signal aborted. */
  async #followEvents(signal: AbortSignal): Promise<boolean> {
    while (!isAborted(signal)) {
      this.#unsureUntilMs = this.#options.clock.monotonicMs() + unsureMs;
      this.#endWait();
      try {
        for await (const event of this.#options.runtime.events(signal)) {
          if (event.podUid !== '') this.#notify(event.podUid);
        }
      } catch (error) {
        if (isCriError(error, 'unimplemented')) return false;
        if (!isAborted(signal))
          this.#options.log.warn('the stream of container events broke', { err: error });
      }
      await sleep(this.#options.clock, 1000, signal);
    }
    return true;
  }

  async #untilThereArePods(signal: AbortSignal): Promise<void> {
    if (this.#podCount > 0 || this.#seen.size > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        this.#wake = undefined;
        resolve();
      };
      this.#wake = done;
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #notify(uid: string): void {
    for (const listener of this.#listeners) listener(uid);
  }

  #forget(existing: ReadonlySet<string>): void {
    const { clock } = this.#options;
    const old = clock.now() - 60_000;
    for (const cache of [this.#containers, this.#sandboxes]) {
      for (const [id, entry] of cache) if (!existing.has(id) && entry.createdAtMs < old) cache.delete(id);
    }
  }

  async #inspectSandbox(sandbox: Sandbox, signal?: AbortSignal): Promise<SandboxRuntime | undefined> {
    const cached = this.#sandboxes.get(sandbox.id);
    if (cached?.state === sandbox.state) return cached;
    const status = await this.#unlessGone(this.#options.runtime.podSandboxStatus(sandbox.id, signal));
    return status === undefined ? undefined : this.#rememberSandbox(status);
  }

  #rememberSandbox({ id, state, createdAtMs, ips, network, metadata }: SandboxStatus): SandboxRuntime {
    const known = { id, state, createdAtMs, ips, network, attempt: metadata.attempt };
    this.#sandboxes.set(id, known);
    return known;
  }

  async #inspectContainer(
    container: RuntimeContainer,
    signal?: AbortSignal,
  ): Promise<ContainerRuntimeState | undefined> {
    const cached = this.#containers.get(container.id);
    if (cached?.state === container.state) return cached;
    const status = await this.#unlessGone(this.#options.runtime.containerStatus(container.id, signal));
    if (status === undefined) return undefined;
    const ended = status.state === 'exited';
    const said = ended ? await this.#options.readTerminationMessage(status) : '';
    const known: ContainerRuntimeState = {
      id: status.id,
      name: status.metadata.name,
      sandboxId: container.sandboxId,
      attempt: status.metadata.attempt,
      state: status.state,
      createdAtMs: status.createdAtMs,
      startedAtMs: status.startedAtMs,
      finishedAtMs: status.finishedAtMs,
      exitCode: status.exitCode,
      reason: status.reason,
      message: said === '' ? status.message : said,
      image: status.image,
      imageRef: status.imageRef,
      hash: status.annotations[annotations.hash] ?? '',
      logPath: status.logPath,
      recursiveReadOnlyPaths: status.recursiveReadOnlyPaths,
    };
    this.#containers.set(status.id, known);
    return known;
  }

  /** What was listed may be removed before it is looked at. */
  async #unlessGone<T>(status: Promise<T>): Promise<T | undefined> {
    try {
      return await status;
    } catch (error) {
      if (isCriError(error, 'not-found')) return undefined;
      throw error;
    }
  }
}

function newestFirst(
  a: { readonly createdAtMs: number; readonly attempt: number },
  b: { readonly createdAtMs: number; readonly attempt: number },
): number {
  return b.createdAtMs - a.createdAtMs || b.attempt - a.attempt;
}

function fingerprint(sandboxes: readonly Sandbox[], containers: readonly RuntimeContainer[]): string {
  return [...sandboxes, ...containers]
    .map((object) => `${object.id}=${object.state}`)
    .sort()
    .join(' ');
}

/** Asked through a function, because the answer changes while a loop waits. */
function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
