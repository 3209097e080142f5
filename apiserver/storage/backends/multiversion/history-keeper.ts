/** Remembers when the store was at which revision, and has its history forgotten when that is old or large enough. */
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { chooseCompactRevision, defaultRetention } from './history-retention.js';
import type { HistorySize, RetentionLimits, RevisionMark } from './history-retention.js';

const markIntervalMs = 10_000;
const retentionIntervalMs = 60_000;

export interface HistoryKeeperOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly limits: Partial<RetentionLimits> | undefined;
  readonly size: () => HistorySize;
  /** False while nothing can be written. */
  readonly canCompact: () => boolean;
  readonly compact: (revision: number) => Promise<void>;
}

export class HistoryKeeper {
  readonly #options: HistoryKeeperOptions;
  readonly #limits: RetentionLimits;
  #marks: RevisionMark[];
  #cancelTimer: (() => void) | undefined;
  #forgetting = false;
  #stopped = false;

  constructor(options: HistoryKeeperOptions) {
    this.#options = options;
    this.#limits = { ...defaultRetention, ...options.limits };
    this.#marks = [{ atMs: options.clock.now(), revision: options.size().revision }];
  }

  /** Called after each group of writes. */
  written(): void {
    const { clock, size } = this.#options;
    const now = clock.now();
    const { revision, length, bytes } = size();
    if (now - (this.#marks.at(-1)?.atMs ?? 0) >= markIntervalMs) this.#marks.push({ atMs: now, revision });
    if (length > this.#limits.maxRevisions || bytes > this.#limits.maxBytes) this.#forget();
    else if (!this.#stopped) {
      this.#cancelTimer ??= clock.schedule(retentionIntervalMs, () => {
        this.#cancelTimer = undefined;
        this.#forget();
      });
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancelTimer?.();
  }

  #forget(): void {
    const { clock, size, canCompact, compact, log } = this.#options;
    const now = clock.now();
    const revision = chooseCompactRevision(size(), this.#marks, now, this.#limits);
    const expired = this.#marks.findLastIndex((mark) => mark.atMs <= now - this.#limits.minAgeMs);
    this.#marks = this.#marks.slice(Math.max(0, expired));
    if (revision === undefined || this.#forgetting || !canCompact()) return;
    this.#forgetting = true;
    compact(revision)
      .catch((error: unknown) => {
        log.error('history could not be compacted', { err: error });
      })
      .finally(() => {
        this.#forgetting = false;
      });
  }
}
