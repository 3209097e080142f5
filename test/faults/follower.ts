/** A client that lists, watches, resumes after a break where it was, and lists again after 410: as informers do. */
import type { FinalView, Version } from '../support/history/history.js';
import { count } from './client.js';
import type { Client, Counts } from './client.js';
import { watchFrom } from './watching.js';
import type { WatchContext } from './watching.js';

export class Follower {
  readonly #client: Client;
  readonly #context: WatchContext;
  readonly #bookmarks: boolean;
  readonly #counts: Counts;
  readonly #items = new Map<string, Version>();
  #revision: number | undefined;
  #waiting: { readonly revision: number; readonly resolve: (view: FinalView) => void } | undefined;

  constructor(client: Client, context: WatchContext, bookmarks: boolean) {
    this.#client = client;
    this.#context = context;
    this.#bookmarks = bookmarks;
    this.#counts = context.counts;
  }

  /** 0 before the first list, and after 410. */
  get revision(): number {
    return this.#revision ?? 0;
  }

  /** Follows until the signal aborts. `pause` waits before it tries again. */
  async run(signal: AbortSignal, pause: () => Promise<void>): Promise<void> {
    while (!signal.aborted) {
      if (this.#revision === undefined) {
        const listed = await this.#client.list();
        if (listed.kind !== 'listed') {
          await pause();
          continue;
        }
        this.#items.clear();
        for (const [key, version] of listed.items) this.#items.set(key, version);
        this.#reached(listed.revision);
        continue;
      }
      const end = await this.#watch(this.#revision, signal);
      if (end === 'expired') this.#revision = undefined;
      else count(this.#counts, 'watches resumed');
      await pause();
    }
  }

  /** What it holds once it has come to this revision. Rejects when the signal aborts before. */
  viewAt(revision: number, signal: AbortSignal): Promise<FinalView> {
    return new Promise((resolve, reject) => {
      this.#waiting = { revision, resolve };
      signal.addEventListener(
        'abort',
        () => {
          reject(
            new Error(`${this.#client.name} is at ${this.#revision ?? 0} and does not come to ${revision}`),
          );
        },
        { once: true },
      );
      this.#reached(this.#revision ?? 0);
    });
  }

  #watch(afterRevision: number, signal: AbortSignal): Promise<'expired' | 'broken'> {
    return watchFrom(
      this.#context,
      {
        afterRevision,
        bookmarks: this.#bookmarks,
        onEvent: ({ type, key, value, revision }) => {
          if (type === 'delete') this.#items.delete(key);
          else this.#items.set(key, { value, revision });
          this.#reached(revision);
        },
        onBookmark: (revision) => {
          this.#reached(revision);
        },
      },
      signal,
    );
  }

  #reached(revision: number): void {
    if (revision > 0) this.#revision = revision;
    const waiting = this.#waiting;
    if (waiting === undefined || revision < waiting.revision) return;
    this.#waiting = undefined;
    waiting.resolve({ client: this.#client.name, items: new Map(this.#items) });
  }
}
