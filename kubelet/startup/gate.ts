/**
 * The seam for admission of starts: every Pod that is about to start containers, and every restart, passes here.
 *
 * Who asks gets a permit at once, which says whether the Pod may start now and why not. Nobody is kept waiting inside of
 * a call: a Pod that waits for its turn can still be deleted, reach its deadline, and have its other containers looked
 * after. A permit counts from admission until the Pod is ready, has ended, or waits for its backoff: that is the time in
 * which it loads the node's disks. Which starts may run at once is the gate's decision.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import type { AdmittedReason, WaitingReason } from '../../api/startup-report.js';

/**
 * How a start ended. `killed`: one of its probes ended a container. `failed`: it ended by itself, or could not be made.
 * `abandoned`: nobody wants it any more.
 */
export type StartupOutcome = 'ready' | 'killed' | 'failed' | 'abandoned';

/** What the Pod's condition `StartupAdmitted` says. */
export interface StartupVerdict {
  readonly isAdmitted: boolean;
  readonly reason: AdmittedReason | WaitingReason;
  readonly message: string;
}

export interface StartRequest {
  readonly pod: Pod;
  /**
   * Since when it starts (milliseconds since the epoch), when a kubelet before this one began it: it is admitted at
   * once, whatever the limit, because it loads the disks already.
   */
  readonly underWaySinceMs: number | undefined;
  /** The verdict changed. Never called from within a call of the gate by this Pod. */
  readonly onChange: () => void;
}

export interface StartupPermit {
  /** Undefined when the gate has nothing to say: there is no condition then. */
  readonly verdict: StartupVerdict | undefined;
  readonly isAdmitted: boolean;
  /** The Pod as it is now, and since when its oldest container runs that is not ready (ms since the epoch). */
  observe(pod: Pod, runningSinceMs: number | undefined): void;
  /** Idempotent. */
  release(outcome: StartupOutcome): void;
}

export interface StartupGate {
  /** One permit a Pod at a time. */
  enter(request: StartRequest): StartupPermit;
  /** A Pod that the runtime had something of when the kubelet began was looked at, or is no longer wanted. */
  seen(uid: string): void;
}

/** Lets everybody start at once: mode Off. */
export const openGate: StartupGate = {
  enter: () => ({
    verdict: undefined,
    isAdmitted: true,
    observe: () => undefined,
    release: () => undefined,
  }),
  seen: () => undefined,
};
