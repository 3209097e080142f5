/**
 * Publishes Pod statuses: a patch of what changed, at once, one at a time per Pod, the latest wins.
 *
 * A write that fails because the apiserver cannot be reached is tried again until it succeeds or is out of date. What
 * others write into the parts that the kubelet owns (a node controller that marks the Pod not ready) is put right.
 */
import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.js';
import { findCondition } from '../../api/pod-helpers.js';
import { startupAdmittedCondition } from '../../api/startup-report.js';
import { isStatusError } from '../../api/status-error.js';
import type { ResourceClient } from '../../client/types.js';
import { KeyedBackoff } from '../../common/backoff.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { isStaticPod } from '../pods/static-pod.js';
import { resizeConditionTypes } from '../resize/resize-state.js';
import { buildStatusPatch } from './build-status-patch.js';

interface Entry {
  readonly pod: Pod;
  wanted: PodStatus;
  written: PodStatus;
  writtenVersion: bigint;
  writing: Promise<void> | undefined;
  /** What the apiserver told while a write was under way. */
  told: Pod | undefined;
}

export interface StatusManagerOptions {
  readonly pods: ResourceClient<Pod>;
  /** The uid of a static Pod's mirror in the apiserver; undefined while there is none, and nobody to tell. */
  readonly mirrorUid?: (pod: Pod) => string | undefined;
  readonly clock: Clock;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

const ownedConditions = [
  startupAdmittedCondition,
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
];

export class StatusManager {
  readonly #options: StatusManagerOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #backoff = new KeyedBackoff({ initialMs: 200, maxMs: 10_000, jitter: 0.2 });

  constructor(options: StatusManagerOptions) {
    this.#options = options;
  }

  /** The status as the kubelet last computed it, or as the apiserver has it. */
  current(pod: Pod): PodStatus {
    return this.#entries.get(pod.metadata.uid)?.wanted ?? pod.status;
  }

  /** The kubelet has computed a status for this Pod: what `current` says of it is not what a kubelet before it wrote. */
  isKnown({ metadata: { uid } }: Pod): boolean {
    return this.#entries.has(uid);
  }

  /** Hands a status over for publication; returns at once. */
  publish(pod: Pod, status: PodStatus): void {
    const { uid } = pod.metadata;
    let entry = this.#entries.get(uid);
    if (entry === undefined) {
      entry = {
        pod,
        wanted: status,
        // What a mirror shows is told by `observe`.
        written: isStaticPod(pod) ? {} : pod.status,
        writtenVersion: versionOf(pod),
        writing: undefined,
        told: undefined,
      };
      this.#entries.set(uid, entry);
    } else entry.wanted = keepForeignConditions(pod, status);
    this.#startWriting(uid, entry);
  }

  /**
   * Tells what the apiserver has now (for a static Pod its mirror): what the kubelet owns and others changed is written
   * again.
   */
  observe(pod: Pod, uid = pod.metadata.uid): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    if (entry.writing !== undefined) {
      entry.told = pod;
      return;
    }
    const version = versionOf(pod);
    if (version <= entry.writtenVersion) return;
    const changed = ownedConditions.some(
      (type) =>
        findCondition(pod.status.conditions, type)?.status !==
        findCondition(entry.wanted.conditions, type)?.status,
    );
    entry.written = pod.status;
    entry.writtenVersion = version;
    if (changed || pod.status.phase !== entry.wanted.phase) this.#startWriting(uid, entry);
  }

  /** Resolves once what was published for this Pod is written, or can no longer be. */
  async flush(uid: string): Promise<void> {
    await this.#entries.get(uid)?.writing;
  }

  forget(uid: string): void {
    this.#entries.delete(uid);
    this.#backoff.reset(uid);
  }

  /** Resolves when all writes under way have ended. */
  async idle(): Promise<void> {
    await Promise.all([...this.#entries.values()].flatMap(({ writing }) => writing ?? []));
  }

  #targetUid(pod: Pod): string | undefined {
    return isStaticPod(pod) ? this.#options.mirrorUid?.(pod) : pod.metadata.uid;
  }

  #startWriting(uid: string, entry: Entry): void {
    entry.writing ??= Promise.resolve().then(() => this.#write(uid, entry));
  }

  /**
   * Until nothing is left to write. It says so in the same turn in which it finds that: what is published a moment later
   * begins a write of its own, and is not taken for part of this one.
   */
  async #write(uid: string, entry: Entry): Promise<void> {
    const { signal } = this.#options;
    try {
      while (!signal.aborted && this.#entries.get(uid) === entry) {
        const patch = buildStatusPatch(entry.written, entry.wanted);
        const target = this.#targetUid(entry.pod);
        if (patch === undefined || target === undefined) return;
        if (!(await this.#send(entry, patch, target))) return;
      }
    } finally {
      entry.writing = undefined;
      const { told } = entry;
      entry.told = undefined;
      if (told !== undefined) this.observe(told, uid);
    }
  }

  /** One try. False when nobody is left to tell: the Pod is gone, or another one has taken its name. */
  async #send(entry: Entry, patch: object, target: string): Promise<boolean> {
    const { pods, clock, log, signal } = this.#options;
    const { name, namespace, uid } = entry.pod.metadata;
    const { wanted } = entry;
    try {
      const body = { metadata: { uid: target }, status: patch };
      const answer = await pods.patch({ namespace, name }, 'strategic', body, { subresource: 'status' });
      entry.written = wanted;
      entry.writtenVersion = versionOf(answer);
      this.#backoff.reset(uid);
      return true;
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return false;
      if (isStatusError(error, 'Conflict')) {
        if (!(await this.#refresh(entry))) return false;
      } else if (this.#backoff.failures(uid) === 0) {
        log.warn('the status of a pod could not be written, will try again', {
          pod: `${namespace}/${name}`,
          err: error,
        });
      }
      await sleep(clock, this.#backoff.next(uid), signal);
      return true;
    }
  }

  /** After a conflict: reads what is there. False when it is another Pod. */
  async #refresh(entry: Entry): Promise<boolean> {
    const { name, namespace } = entry.pod.metadata;
    try {
      const now = await this.#options.pods.get({ namespace, name });
      if (now.metadata.uid !== this.#targetUid(entry.pod)) return false;
      entry.written = now.status;
      entry.writtenVersion = versionOf(now);
      return true;
    } catch (error) {
      return !isStatusError(error, 'NotFound');
    }
  }
}

function versionOf(pod: Pod): bigint {
  const text = pod.metadata.resourceVersion;
  return /^\d+$/.test(text) ? BigInt(text) : 0n;
}

/** Conditions of other owners are theirs: taken as the apiserver has them now. */
function keepForeignConditions(pod: Pod, status: PodStatus): PodStatus {
  const foreign = (pod.status.conditions ?? []).filter(
    ({ type }) =>
      findCondition(status.conditions, type) === undefined && !resizeConditionTypes.includes(type),
  );
  const conditions: PodCondition[] = [...(status.conditions ?? []), ...foreign];
  return { ...status, conditions };
}
