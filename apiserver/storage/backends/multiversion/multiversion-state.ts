/**
 * The pure core of the memory and embedded backends: the current record of each key, and the events since the
 * last compaction. A past revision is read by undoing the events after it, so nothing is stored twice.
 *
 * Invariant: `history` holds exactly one event for each revision in (historyBase, revision], in order.
 */
import { SortedMap } from '../../../../common/sorted-map.js';
import { keyOf, readRange, revisionOf } from '../../read-range.js';
import { StoreError } from '../../store.js';
import type { RangeOptions, RangeResult, StoredRecord, StoreEvent } from '../../store.js';
import type { LogEntry } from './journal.js';

/** An empty store is at revision 1, as in etcd, because 0 means "any version" to Kubernetes clients. */
export const emptyRevision = 1;

export class MultiVersionState {
  readonly #latest = new SortedMap<StoredRecord>();
  readonly #history: StoreEvent[] = [];
  #revision = emptyRevision;
  #compactRevision = 0;
  #historyBytes = 0;
  #liveBytes = 0;

  /** The revision before that of `history[0]`. */
  get #historyBase(): number {
    return Math.max(emptyRevision, this.#compactRevision);
  }

  #historyIndexAfter(revision: number): number {
    return Math.max(0, revision - this.#historyBase);
  }

  get revision(): number {
    return this.#revision;
  }

  get compactRevision(): number {
    return this.#compactRevision;
  }

  /** Value bytes that only the history holds on to, roughly: one value for each event. */
  get historyBytes(): number {
    return this.#historyBytes;
  }

  get liveBytes(): number {
    return this.#liveBytes;
  }

  get historyLength(): number {
    return this.#history.length;
  }

  get keys(): number {
    return this.#latest.size;
  }

  get(key: string): StoredRecord | undefined {
    return this.#latest.get(key);
  }

  /** Applies the next write. Its revision must be the next one. */
  apply(entry: LogEntry): StoreEvent {
    if (entry.revision !== this.#revision + 1) {
      throw new StoreError(
        'corrupt',
        `the log goes on with revision ${entry.revision} after ${this.#revision}`,
      );
    }
    const event = this.#install(entry);
    this.#revision = entry.revision;
    if (event === undefined)
      throw new StoreError('corrupt', `revision ${entry.revision} deletes a key that is not there`);
    this.#history.push(event);
    this.#historyBytes += eventBytes(event);
    return event;
  }

  /** Takes over a record of a snapshot; {@link startAt} follows when all are there. */
  load(record: StoredRecord): void {
    this.#liveBytes += record.value.byteLength - (this.#latest.get(record.key)?.value.byteLength ?? 0);
    this.#latest.set(record.key, record);
  }

  /** What is there now is the state as of this revision, and history begins with it. */
  startAt(revision: number): void {
    this.#history.length = 0;
    this.#historyBytes = 0;
    this.#revision = revision;
    this.#compactRevision = revision;
  }

  #install(entry: LogEntry): StoreEvent | undefined {
    const previous = this.#latest.get(entry.key);
    this.#liveBytes -= previous?.value.byteLength ?? 0;
    if (entry.type === 'delete') {
      this.#latest.delete(entry.key);
      // One string for the key, however long the history is.
      return previous && { type: 'delete', key: previous.key, revision: entry.revision, previous };
    }
    const record: StoredRecord = {
      key: previous?.key ?? entry.key,
      value: entry.value,
      createRevision: entry.createRevision,
      modRevision: entry.revision,
      ...(entry.expiresAtMs === undefined ? {} : { expiresAtMs: entry.expiresAtMs }),
    };
    this.#liveBytes += record.value.byteLength;
    this.#latest.set(record.key, record);
    return { type: 'put', record, previous };
  }

  range(options: RangeOptions): RangeResult {
    const revision = options.revision ?? this.#revision;
    if (revision > this.#revision) {
      throw new StoreError('future-revision', `revision ${revision} is above ${this.#revision}`);
    }
    if (revision < this.#compactRevision) throw this.#compacted(revision);
    const since = this.#history.slice(this.#historyIndexAfter(revision));
    return { ...readRange(this.#latest, options, since), revision };
  }

  /**
   * Events of a prefix after `afterRevision`, up to about `maxBytes` of values, and the revision up to which they
   * are complete. Throws `compacted` when some of them are gone.
   */
  eventsAfter(
    afterRevision: number,
    prefix: string,
    maxBytes: number,
  ): { readonly events: StoreEvent[]; readonly revision: number } {
    if (afterRevision < this.#compactRevision) throw this.#compacted(afterRevision);
    const events: StoreEvent[] = [];
    let bytes = 0;
    let revision = Math.max(afterRevision, this.#revision);
    for (let i = this.#historyIndexAfter(afterRevision); i < this.#history.length; i++) {
      const event = this.#history[i] as StoreEvent;
      if (!keyOf(event).startsWith(prefix)) continue;
      events.push(event);
      bytes += eventBytes(event);
      if (bytes >= maxBytes) {
        revision = revisionOf(event);
        break;
      }
    }
    return { events, revision };
  }

  /** Forgets the events up to `compactRevision`; the state as of it stays readable. */
  compact(compactRevision: number): void {
    if (compactRevision <= this.#compactRevision) return;
    if (compactRevision > this.#revision) {
      throw new StoreError(
        'corrupt',
        `history up to ${compactRevision} is forgotten after ${this.#revision}`,
      );
    }
    const dropped = this.#history.splice(0, this.#historyIndexAfter(compactRevision));
    for (const event of dropped) this.#historyBytes -= eventBytes(event);
    this.#compactRevision = compactRevision;
  }

  #compacted(revision: number): StoreError {
    return new StoreError(
      'compacted',
      `revision ${revision} is gone: history begins at ${this.#compactRevision}`,
      { compactRevision: this.#compactRevision },
    );
  }
}

function eventBytes(event: StoreEvent): number {
  return event.type === 'put' ? event.record.value.byteLength : 0;
}
