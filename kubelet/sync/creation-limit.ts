/**
 * How many sandboxes and containers the runtime makes for this node at a time.
 *
 * Making one is work of the machine's processors: more at a time than they can do only wait for each other and for the
 * locks of the kernel, and cost more in sum. The bound is on that work alone: a place is held for the calls that make a
 * sandbox, or create and start a container, and not while an image is pulled, a volume is mounted, a hook runs or a probe
 * waits. Which Pods may start at all is another question, that of the gate in kubelet/startup.
 *
 * Who was admitted first goes first, with each of its steps, so that the first Pods of a burst run while the last ones
 * wait, and a restart is not behind Pods that are new. Critical Pods never wait. Nothing is stopped or removed here.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { isCriticalPod } from '../admission/pod-importance.js';

interface Waiting {
  /** The order in which Pods came here for the first time. */
  readonly order: number;
  readonly begin: () => void;
}

/**
 * Two for each processor: a half of the time of a start is waiting (for processes to begin, for the disk, for the
 * network's plugins), which the other start uses. Pure.
 */
export function creationsAtOnce(processors: number): number {
  return 2 * Math.max(1, Math.floor(processors));
}

export class CreationLimit {
  readonly #limit: number;
  /** By uid, until {@link forget}. */
  readonly #orders = new Map<string, number>();
  /** At most one or two of each Pod of the node, the first one in order first. */
  readonly #queue: Waiting[] = [];
  #nextOrder = 0;
  #running = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /**
   * Does the work when it is the Pod's turn. Rejects with the signal's reason when it aborts before; work that has begun
   * goes on to its end.
   */
  async run<T>(pod: Pod, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const order = this.#orderOf(pod.metadata.uid);
    signal.throwIfAborted();
    if (this.#running < this.#limit || isCriticalPod(pod)) this.#running++;
    else await this.#turn(order, signal);
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  /** The Pod is gone. */
  forget(uid: string): void {
    this.#orders.delete(uid);
  }

  #orderOf(uid: string): number {
    const order = this.#orders.get(uid) ?? this.#nextOrder++;
    this.#orders.set(uid, order);
    return order;
  }

  /** Resolves with a place that is taken. */
  #turn(order: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(signal.reason instanceof Error ? signal.reason : new Error('aborted'));
      };
      const waiting: Waiting = {
        order,
        begin: () => {
          signal.removeEventListener('abort', abort);
          resolve();
        },
      };
      signal.addEventListener('abort', abort, { once: true });
      const later = this.#queue.findIndex((other) => other.order > order);
      this.#queue.splice(later < 0 ? this.#queue.length : later, 0, waiting);
    });
  }

  /** The place goes to the next one, unless critical Pods have taken more than there are. */
  #leave(): void {
    const next = this.#running > this.#limit ? undefined : this.#queue.shift();
    if (next === undefined) this.#running--;
    else next.begin();
  }
}
