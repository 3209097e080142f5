/** How a disk keeps up with commits, and since when it does not: pure, told the time by its caller. */
import type { StoreProblem } from '../../store.js';

/** A commit that takes longer is worth telling: on a healthy disk it takes milliseconds. */
export const slowCommitMs = 1_000;
/** While a commit takes longer than this, more writes would only wait behind it: they are refused. */
export const stuckCommitMs = 5_000;

/** Times are of a clock that never goes back. */
export class CommitWatch {
  #startedAtMs: number | undefined;
  #slowSinceMs: number | undefined;
  #longestMs = 0;

  started(nowMs: number): void {
    this.#startedAtMs = nowMs;
  }

  /** Returns what to tell: the disk became slow with this commit, or is fast again. */
  ended(nowMs: number): 'slow' | 'fast' | undefined {
    const tookMs = this.#underWayMs(nowMs);
    const wasSlow = this.#slowSinceMs !== undefined;
    if (tookMs >= slowCommitMs) {
      this.#slowSinceMs ??= this.#startedAtMs;
      this.#longestMs = Math.max(this.#longestMs, tookMs);
    } else {
      this.#slowSinceMs = undefined;
      this.#longestMs = 0;
    }
    this.#startedAtMs = undefined;
    if (wasSlow === (this.#slowSinceMs !== undefined)) return undefined;
    return wasSlow ? 'fast' : 'slow';
  }

  /** `forMs` tells how long it has been so; the kind is `refusing-writes` while a commit is stuck. */
  problem(nowMs: number): { kind: StoreProblem['kind']; forMs: number; message: string } | undefined {
    const underWayMs = this.#underWayMs(nowMs);
    if (underWayMs < slowCommitMs && this.#slowSinceMs === undefined) return undefined;
    const forMs = nowMs - (this.#slowSinceMs ?? nowMs - underWayMs);
    if (underWayMs >= stuckCommitMs) {
      const message = `the disk is slow: a commit has been under way for ${seconds(underWayMs)} s`;
      return { kind: 'refusing-writes', forMs, message };
    }
    const longest = seconds(Math.max(this.#longestMs, underWayMs));
    return { kind: 'slow', forMs, message: `the disk is slow: the longest commit took ${longest} s` };
  }

  #underWayMs(nowMs: number): number {
    return this.#startedAtMs === undefined ? 0 : nowMs - this.#startedAtMs;
  }
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(1);
}
