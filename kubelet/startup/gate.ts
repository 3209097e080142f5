/**
 * The seam for admission of starts: every Pod that is about to start containers, and every restart, passes here.
 *
 * A permit is held from admission until the Pod is ready, has ended, or waits for its backoff: that is the time in which
 * it loads the node's disk and processors. Which starts may run at once is the gate's decision.
 */
import type { Pod } from '../../api/generated/core-v1.js';

export type StartupOutcome = 'ready' | 'failed' | 'abandoned';

export interface StartupPermit {
  /** Idempotent. */
  release(outcome: StartupOutcome): void;
}

export interface StartupGate {
  /** Resolves when the Pod may start. Rejects with the signal's reason when it aborts first. */
  acquire(pod: Pod, signal: AbortSignal): Promise<StartupPermit>;
}

/** Lets everybody start at once. */
export const openGate: StartupGate = {
  acquire: (_pod, signal) => {
    signal.throwIfAborted();
    return Promise.resolve({ release: () => undefined });
  },
};
