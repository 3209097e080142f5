/** Pods that a Permit plugin lets wait: reserved, but not bound yet. */
import type { Clock } from '../common/clock.js';
import type { PendingPermission } from './framework/framework.js';

interface WaitingPod {
  readonly plugins: Set<string>;
  readonly settle: (refusedBy: string | undefined) => void;
}

export class WaitingPods {
  readonly #clock: Clock;
  readonly #pods = new Map<string, WaitingPod>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves with undefined once all plugins have allowed the Pod, else with the plugin whose time was up first. */
  wait(uid: string, pending: readonly PendingPermission[], signal: AbortSignal): Promise<string | undefined> {
    if (pending.length === 0) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const cancels = pending.map(({ plugin, timeoutMs }) =>
        this.#clock.schedule(timeoutMs, () => {
          settle(plugin);
        }),
      );
      const stop = (): void => {
        settle(pending[0]?.plugin);
      };
      const settle = (refusedBy: string | undefined): void => {
        this.#pods.delete(uid);
        signal.removeEventListener('abort', stop);
        for (const cancel of cancels) cancel();
        resolve(refusedBy);
      };
      this.#pods.set(uid, { plugins: new Set(pending.map(({ plugin }) => plugin)), settle });
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) stop();
    });
  }

  allow(uid: string, plugin: string): void {
    const pod = this.#pods.get(uid);
    pod?.plugins.delete(plugin);
    if (pod?.plugins.size === 0) pod.settle(undefined);
  }
}
