/**
 * All Pods of this node, from wherever they come: the apiserver, a folder, a URL, and at a start without an apiserver
 * those that were saved and still run. Hands each to the workers, and each static Pod to its mirror.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import type { Informer } from '../../client/types.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { MirrorPods } from './mirror-pods.js';
import type { PodCheckpoints } from './pod-checkpoints.js';
import { isMirrorPod, isStaticPod } from './static-pod.js';
import type { StaticSource } from './static-pod.js';

export interface PodSink {
  update(pod: Pod): void;
  /** The Pod is no longer wanted. */
  remove(pod: Pod): void;
  /** Resolves when nothing of this Pod is left; at once when there is nothing. */
  ended(uid: string): Promise<void>;
}

export interface PodSourcesOptions {
  /** The Pods of the apiserver, limited to this node. */
  readonly informer: Informer<Pod>;
  readonly sink: PodSink;
  readonly mirrors: Pick<MirrorPods, 'want' | 'drop' | 'observe' | 'observeGone' | 'complete'>;
  readonly checkpoints: Pick<PodCheckpoints, 'load' | 'retain'>;
  /** Runs a source of static Pods until the signal aborts; `onPods` gets all of its Pods each time. */
  readonly staticSources: Readonly<
    Partial<
      Record<StaticSource, (onPods: (pods: readonly Pod[]) => void, signal: AbortSignal) => Promise<void>>
    >
  >;
  /** Whether something of this Pod runs on this node. */
  readonly isAlive: (pod: Pod) => Promise<boolean>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long the apiserver may take to tell its Pods before the saved ones are taken instead. */
const patienceMs = 2000;

export class PodSources {
  readonly #options: PodSourcesOptions;
  /** The static Pods that are wanted, by uid. */
  readonly #statics = new Map<string, { readonly pod: Pod; readonly source: StaticSource }>();
  readonly #silent: Set<StaticSource>;
  readonly #adopted = new Map<string, Pod>();
  #saved: ReadonlyMap<string, Pod> = new Map();
  #staticsComplete: () => void = () => undefined;
  readonly #whenStaticsComplete: Promise<void>;

  constructor(options: PodSourcesOptions) {
    this.#options = options;
    this.#silent = new Set(Object.keys(options.staticSources) as StaticSource[]);
    this.#whenStaticsComplete = new Promise((resolve) => {
      this.#staticsComplete = resolve;
    });
    if (this.#silent.size === 0) this.#staticsComplete();
  }

  /** Follows all sources until the signal aborts. `onComplete`: every source has told all of its Pods once. */
  async run(signal: AbortSignal, onComplete: () => void): Promise<void> {
    const { informer, mirrors, staticSources, checkpoints, sink } = this.#options;
    this.#saved = await checkpoints.load();
    const unfollow = informer.addHandler({
      onAdd: (pod) => {
        this.#observe(pod);
      },
      onUpdate: (before, pod) => {
        // The same name, another Pod: the old one was deleted while nobody watched.
        if (before.metadata.uid !== pod.metadata.uid) this.#observeGone(before);
        this.#observe(pod);
      },
      onDelete: (pod) => {
        this.#observeGone(pod);
      },
    });
    const following = Object.entries(staticSources).map(([name, run]) =>
      run((pods) => {
        this.#setStatic(name as StaticSource, pods);
      }, signal),
    );
    const synced = informer.whenSynced(signal).catch((error: unknown) => {
      if (!isAborted(signal)) throw error;
    });
    await Promise.race([synced, sleep(this.#options.clock, patienceMs, signal)]);
    if (!informer.synced && !isAborted(signal)) await this.#adoptSaved();
    await Promise.all([synced, Promise.race([this.#whenStaticsComplete, aborted(signal)])]);
    if (!isAborted(signal)) {
      const known = new Set([
        ...informer.list().map(({ metadata }) => metadata.uid),
        ...this.#statics.keys(),
      ]);
      for (const [uid, pod] of this.#adopted) if (!known.has(uid)) sink.remove(pod);
      this.#adopted.clear();
      checkpoints.retain(known);
      this.#saved = new Map();
      mirrors.complete();
      onComplete();
    }
    await Promise.all([...following, aborted(signal)]);
    unfollow();
  }

  #observe(pod: Pod): void {
    if (isMirrorPod(pod)) this.#options.mirrors.observe(pod);
    else this.#options.sink.update(pod);
  }

  #observeGone(pod: Pod): void {
    if (isMirrorPod(pod)) this.#options.mirrors.observeGone(pod);
    else this.#options.sink.remove(pod);
  }

  /** What was saved and still runs is looked after; what does not run is left alone: it may run elsewhere by now. */
  async #adoptSaved(): Promise<void> {
    const { sink, isAlive, log } = this.#options;
    for (const [uid, pod] of this.#saved) {
      const isStatic = this.#statics.has(uid) || isStaticPod(pod);
      if (isStatic || !(await isAlive(pod))) continue;
      if (this.#options.informer.synced) return;
      this.#adopted.set(uid, pod);
      sink.update(pod);
    }
    log.info('the apiserver does not answer: looking after the pods that run, as they were known last', {
      pods: this.#adopted.size,
    });
  }

  #setStatic(source: StaticSource, pods: readonly Pod[]): void {
    const { log } = this.#options;
    const names = new Map<string, Pod>();
    for (const { pod, source: from } of this.#statics.values())
      if (from !== source) names.set(nameOf(pod), pod);
    const wanted = new Map<string, Pod>();
    for (const pod of pods) {
      if (names.has(nameOf(pod))) {
        log.error('two manifests want a static pod of the same name, the first one has it', {
          pod: nameOf(pod),
        });
        continue;
      }
      names.set(nameOf(pod), pod);
      wanted.set(pod.metadata.uid, pod);
    }
    const endings = new Map<string, Promise<void>>();
    for (const [uid, { pod, source: from }] of this.#statics) {
      if (from !== source || wanted.has(uid)) continue;
      this.#statics.delete(uid);
      endings.set(nameOf(pod), this.#end(pod));
    }
    for (const [uid, pod] of wanted) {
      if (this.#statics.has(uid)) continue;
      this.#statics.set(uid, { pod, source });
      const before = endings.get(nameOf(pod));
      if (before === undefined) this.#begin(pod);
      // An edited manifest is another Pod, with the same ports and paths: the old one goes first.
      else
        void before.then(() => {
          if (this.#statics.has(uid)) this.#begin(pod);
        });
    }
    this.#silent.delete(source);
    if (this.#silent.size === 0) this.#staticsComplete();
  }

  #begin(pod: Pod): void {
    const status = this.#saved.get(pod.metadata.uid)?.status ?? {};
    const known = { ...pod, status };
    this.#options.sink.update(known);
    this.#options.mirrors.want(known);
  }

  async #end(pod: Pod): Promise<void> {
    const { sink, mirrors } = this.#options;
    sink.remove(pod);
    await sink.ended(pod.metadata.uid);
    mirrors.drop(pod);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener(
      'abort',
      () => {
        resolve();
      },
      { once: true },
    );
  });
}

function nameOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
