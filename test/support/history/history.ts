/**
 * What clients of a cluster did and saw, recorded for a checker: operations on the keys of one collection, each with the
 * time in which it ran, and watches on that collection. Every write carries a value that no other write has.
 */

/** By the recorder's own clock, in milliseconds. What has no end may still happen. */
export interface Interval {
  readonly client: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** What became of a write. `unknown`: the answer was lost, or said that nobody knows. */
export type WriteOutcome =
  | { readonly kind: 'written'; readonly revision: number }
  /** It was told that nothing was done: somebody was faster, the key is or is not there, the server cannot. */
  | { readonly kind: 'refused'; readonly reason: 'conflict' | 'exists' | 'missing' | 'unavailable' }
  | { readonly kind: 'unknown' };

export type Operation = Interval &
  (
    | {
        readonly kind: 'create' | 'patch';
        readonly key: string;
        readonly value: string;
        readonly outcome: WriteOutcome;
      }
    | {
        readonly kind: 'update';
        readonly key: string;
        readonly value: string;
        /** The state that must still be there. */
        readonly expected: Version;
        readonly outcome: WriteOutcome;
      }
    /** A deletion is answered without its revision. */
    | {
        readonly kind: 'delete';
        readonly key: string;
        readonly expected: Version;
        readonly outcome: { readonly kind: 'deleted' } | Exclude<WriteOutcome, { kind: 'written' }>;
      }
    /** A read that failed says nothing and is not recorded. */
    | { readonly kind: 'get'; readonly key: string; readonly found: Version | undefined }
    | {
        readonly kind: 'list';
        readonly revision: number;
        readonly items: ReadonlyMap<string, Version>;
        /** Only what is of this group; else the whole collection. */
        readonly group?: string;
        /** The state of this very revision was asked for, or one not older; else the newest. */
        readonly asked?: { readonly match: 'exact' | 'not older'; readonly revision: number };
      }
  );

/** One state of a key. */
export interface Version {
  readonly value: string;
  readonly revision: number;
}

/** A value names its group at its end, so that a label and a selector can be made of it and the checker knows both. */
export function isOfGroup(value: string, group: string): boolean {
  return value.endsWith(`.${group}`);
}

export interface WatchedEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Of a deletion, the value that was deleted. */
  readonly value: string;
  readonly revision: number;
}

/** One watch from its beginning until it broke off. */
export interface WatchRecord {
  readonly client: string;
  readonly afterRevision: number;
  readonly events: readonly WatchedEvent[];
  /** Everything up to here was to be seen: the last event, or a bookmark after it. */
  readonly upTo: number;
  /** Only what is of this group: what leaves it is seen as deleted. Such a watch begins in the history. */
  readonly group?: string;
}

/** What a client that lists, watches, resumes and lists again after 410 held in the end. */
export interface FinalView {
  readonly client: string;
  readonly items: ReadonlyMap<string, Version>;
}

export interface History {
  /** What there was at the beginning, and the revision of that. */
  readonly startRevision: number;
  readonly startState: ReadonlyMap<string, Version>;
  /** What was before, for watches that begin there and lists of it: the state at a revision, and every event since. */
  readonly earlier?: {
    readonly afterRevision: number;
    readonly state: ReadonlyMap<string, Version>;
    readonly events: readonly WatchedEvent[];
  };
  readonly operations: readonly Operation[];
  readonly watches: readonly WatchRecord[];
  readonly finalViews: readonly FinalView[];
  /** A list after everything had come to rest. */
  readonly finalState: ReadonlyMap<string, Version>;
}

export interface Violation {
  readonly rule: string;
  readonly detail: string;
}
