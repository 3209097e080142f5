/**
 * Mirror Pods: for each static Pod an object in the apiserver that shows it. Deleting one changes nothing on the node;
 * it is made again. One that stands for a manifest that is gone, or was edited, is deleted.
 */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import { isStatusError } from '../../api/status-error.js';
import type { ResourceClient } from '../../client/types.js';
import { KeyedBackoff } from '../../common/backoff.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { podAnnotations } from './static-pod.js';

export interface MirrorPodsOptions {
  readonly pods: ResourceClient<Pod>;
  /** This node as the apiserver has it: it owns the mirrors. */
  readonly node: () => Node | undefined;
  /** The mirror of this static Pod is there now: its status may be written. */
  readonly onMirror: (staticPod: Pod, mirror: Pod) => void;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is to be done about one name, pure. */
export function decideMirror(
  wanted: Pod | undefined,
  there: Pod | undefined,
): 'nothing' | 'create' | 'delete' {
  if (there === undefined) return wanted === undefined ? 'nothing' : 'create';
  const hash = there.metadata.annotations?.[podAnnotations.mirror];
  const isCurrent = wanted !== undefined && hash === wanted.metadata.annotations?.[podAnnotations.hash];
  return isCurrent && there.metadata.deletionTimestamp === undefined ? 'nothing' : 'delete';
}

export function mirrorOf(pod: Pod, node: Node): Pick<Pod, 'apiVersion' | 'kind' | 'spec'> & MirrorMetadata {
  const { name, namespace, labels, annotations = {} } = pod.metadata;
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, [podAnnotations.mirror]: annotations[podAnnotations.hash] ?? '' },
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Node',
          name: node.metadata.name,
          uid: node.metadata.uid,
          controller: true,
        },
      ],
    },
    spec: pod.spec,
  };
}

interface MirrorMetadata {
  readonly metadata: Pick<
    Pod['metadata'],
    'name' | 'namespace' | 'labels' | 'annotations' | 'ownerReferences'
  >;
}

export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  /** By `namespace/name`. */
  readonly #wanted = new Map<string, Pod>();
  readonly #there = new Map<string, Pod>();
  readonly #due = new Set<string>();
  readonly #backoff = new KeyedBackoff({ initialMs: 500, maxMs: 20_000, jitter: 0.2 });
  #wake: (() => void) | undefined;
  #isComplete = false;

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
  }

  /** A static Pod runs, or is to. */
  want(pod: Pod): void {
    const key = keyOf(pod);
    this.#wanted.set(key, pod);
    const mirror = this.#there.get(key);
    if (mirror !== undefined && decideMirror(pod, mirror) === 'nothing') this.#options.onMirror(pod, mirror);
    this.#mark(key);
  }

  /** This static Pod has ended. */
  drop(pod: Pod): void {
    const key = keyOf(pod);
    if (this.#wanted.get(key)?.metadata.uid !== pod.metadata.uid) return;
    this.#wanted.delete(key);
    this.#mark(key);
  }

  /** A mirror in the apiserver, as it is now. */
  observe(mirror: Pod): void {
    const key = keyOf(mirror);
    this.#there.set(key, mirror);
    const wanted = this.#wanted.get(key);
    if (wanted !== undefined && decideMirror(wanted, mirror) === 'nothing')
      this.#options.onMirror(wanted, mirror);
    this.#mark(key);
  }

  observeGone(mirror: Pod): void {
    const key = keyOf(mirror);
    if (this.#there.get(key)?.metadata.uid !== mirror.metadata.uid) return;
    this.#there.delete(key);
    this.#mark(key);
  }

  /** The uid under which the apiserver knows this static Pod; undefined while it does not. */
  uidOf(pod: Pod): string | undefined {
    const mirror = this.#there.get(keyOf(pod));
    return mirror !== undefined && decideMirror(pod, mirror) === 'nothing' ? mirror.metadata.uid : undefined;
  }

  /** All static Pods and all mirrors have been told of: only now a mirror may be of too much. */
  complete(): void {
    this.#isComplete = true;
    this.#wake?.();
  }

  /** Keeps the mirrors true until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    while (!signal.aborted) {
      const [key] = this.#isComplete ? this.#due : [];
      if (key === undefined) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
        continue;
      }
      this.#due.delete(key);
      await this.#settle(key, signal);
    }
  }

  #mark(key: string): void {
    this.#due.add(key);
    this.#wake?.();
  }

  async #settle(key: string, signal: AbortSignal): Promise<void> {
    const { pods, node, clock, log } = this.#options;
    const wanted = this.#wanted.get(key);
    const there = this.#there.get(key);
    const decision = decideMirror(wanted, there);
    try {
      if (decision === 'create' && wanted !== undefined) {
        const owner = node();
        if (owner === undefined) throw new Error('the node is not registered yet');
        this.observe(await pods.create(mirrorOf(wanted, owner)));
      } else if (decision === 'delete' && there !== undefined) {
        const { name, namespace, uid } = there.metadata;
        await pods.delete({ name, namespace }, { gracePeriodSeconds: 0, preconditions: { uid } });
        this.observeGone(there);
      }
      this.#backoff.reset(key);
    } catch (error) {
      if (signal.aborted) return;
      // Gone already, or another one by now: the watch tells.
      if (decision === 'delete' && isStatusError(error, 'NotFound') && there !== undefined) {
        this.observeGone(there);
        return;
      }
      if (this.#backoff.failures(key) === 1)
        log.warn('the mirror of a static pod is not as it should be yet', { pod: key, err: error });
      const delayMs = this.#backoff.next(key);
      void sleep(clock, delayMs, signal).then(() => {
        if (!signal.aborted) this.#mark(key);
      });
    }
  }
}

function keyOf({ metadata }: Pod): string {
  return `${metadata.namespace}/${metadata.name}`;
}
