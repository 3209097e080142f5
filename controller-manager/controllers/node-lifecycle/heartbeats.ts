/**
 * When each node was last heard of, on this process's own clock: clocks of nodes are never compared with ours.
 *
 * A heartbeat is a Lease that was renewed, or a Ready condition that was posted again.
 */
import type { Clock } from '../../../common/clock.js';

interface Heard {
  /** Changes with each heartbeat, whatever it says. */
  readonly sign: string;
  readonly at: number;
}

export class Heartbeats {
  readonly #clock: Clock;
  readonly #heard = new Map<string, Map<string, Heard>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Records what a source (`lease`, `status`) shows of a node; only a new sign counts as a heartbeat. */
  observe(node: string, source: string, sign: string): void {
    const sources = this.#heard.get(node) ?? new Map<string, Heard>();
    this.#heard.set(node, sources);
    if (sources.get(source)?.sign === sign) return;
    sources.set(source, { sign, at: this.#clock.monotonicMs() });
  }

  /** Milliseconds since the node was last heard of by any source; undefined when it never was. */
  silentMs(node: string): number | undefined {
    const sources = this.#heard.get(node);
    if (sources === undefined) return undefined;
    const last = Math.max(...[...sources.values()].map(({ at }) => at));
    return this.#clock.monotonicMs() - last;
  }

  forget(node: string): void {
    this.#heard.delete(node);
  }

  /** Nobody could be heard, for a reason of ours: everybody gets the whole grace period again. */
  restartAll(): void {
    const at = this.#clock.monotonicMs();
    for (const sources of this.#heard.values()) {
      for (const [source, heard] of sources) sources.set(source, { ...heard, at });
    }
  }
}
