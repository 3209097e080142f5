/** One client of the workload: single operations on the ConfigMaps of a namespace, each recorded as it turned out. */
import { textOf } from '../support/apiserver-fixture.js';
import type { JsonObject } from '../support/apiserver-fixture.js';
import type { Version, WriteOutcome } from '../support/history/history.js';
import { collectionPath, configMapOf, itemsOf, patchesOf, revisionOf, versionOf } from './config-maps.js';
import { outcomeOf } from './outcome.js';
import type { WriteKind } from './outcome.js';
import type { Recorder } from './recorder.js';
import type { Reply, Request, Transport } from './transport.js';

/** What was counted, by name: `create written`, `get not sent`, `410`, … */
export type Counts = Map<string, number>;

export function count(counts: Counts, name: string, by = 1): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

export interface ListOptions {
  readonly group?: string;
  readonly limit?: number;
  readonly asked?: { readonly match: 'exact' | 'not older'; readonly revision: number };
}

export type Listed =
  | { readonly kind: 'listed'; readonly revision: number; readonly items: ReadonlyMap<string, Version> }
  | { readonly kind: 'expired' | 'failed' };

export interface ClientOptions {
  readonly name: string;
  readonly transport: Transport;
  readonly namespace: string;
  readonly recorder: Recorder;
  readonly counts: Counts;
  /** Answers that no request may get. */
  readonly unexpected: string[];
  readonly deadlineMs: number;
}

type Attempt =
  | { readonly kind: 'create' | 'patch'; readonly key: string; readonly value: string }
  | { readonly kind: 'update'; readonly key: string; readonly value: string; readonly expected: Version }
  | { readonly kind: 'delete'; readonly key: string; readonly expected: Version };

export type Outcome = WriteOutcome | { readonly kind: 'deleted' };

export class Client {
  readonly name: string;
  readonly #options: ClientOptions;
  readonly #path: string;

  constructor(options: ClientOptions) {
    this.name = options.name;
    this.#options = options;
    this.#path = collectionPath(options.namespace);
  }

  get transport(): Transport {
    return this.#options.transport;
  }

  create(key: string, value: string): Promise<Outcome | undefined> {
    return this.#write(
      { kind: 'create', key, value },
      { method: 'POST', path: this.#path, body: configMapOf(key, value) },
    );
  }

  update(key: string, value: string, expected: Version): Promise<Outcome | undefined> {
    const body = configMapOf(key, value, expected.revision);
    return this.#write(
      { kind: 'update', key, value, expected },
      { method: 'PUT', path: `${this.#path}/${key}`, body },
    );
  }

  /** In the language of this number. */
  patch(key: string, value: string, language: number): Promise<Outcome | undefined> {
    const patches = patchesOf(value);
    const patch = patches[language % patches.length];
    return this.#write(
      { kind: 'patch', key, value },
      { method: 'PATCH', path: `${this.#path}/${key}`, ...patch },
    );
  }

  delete(key: string, expected: Version): Promise<Outcome | undefined> {
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      preconditions: { resourceVersion: String(expected.revision) },
    };
    return this.#write(
      { kind: 'delete', key, expected },
      { method: 'DELETE', path: `${this.#path}/${key}`, body },
    );
  }

  /** `failed` when there was no answer. */
  async get(key: string): Promise<Version | undefined | 'failed'> {
    const { recorder } = this.#options;
    const startMs = recorder.now();
    const reply = await this.#send('get', { method: 'GET', path: `${this.#path}/${key}` });
    if (reply.kind !== 'answered' || !this.#isRead('get', reply, [200, 404])) return 'failed';
    const found = reply.status === 200 ? versionOf(reply.json) : undefined;
    recorder.add({ client: this.name, startMs, endMs: recorder.now(), kind: 'get', key, found });
    count(this.#options.counts, 'get answered');
    return found;
  }

  /** All that was there at a revision, not recorded; undefined when the server cannot tell. */
  async stateAt(revision: number): Promise<ReadonlyMap<string, Version> | undefined> {
    const path = `${this.#path}?resourceVersion=${revision}&resourceVersionMatch=Exact`;
    const reply = await this.#send('list', { method: 'GET', path });
    if (reply.kind !== 'answered' || !this.#isRead('list', reply, [200, 410])) return undefined;
    return reply.status === 200 ? new Map(itemsOf(reply.json)) : undefined;
  }

  /** All chunks of a list; what was read before an expired one does not count. */
  async list({ group, limit, asked }: ListOptions = {}): Promise<Listed> {
    const { recorder, counts } = this.#options;
    const startMs = recorder.now();
    const items = new Map<string, Version>();
    let revision = 0;
    let goOn: string | undefined;
    do {
      const query = new URLSearchParams(group === undefined ? {} : { labelSelector: `group=${group}` });
      if (limit !== undefined) query.set('limit', String(limit));
      if (goOn !== undefined) query.set('continue', goOn);
      else if (asked !== undefined) {
        query.set('resourceVersion', String(asked.revision));
        query.set('resourceVersionMatch', asked.match === 'exact' ? 'Exact' : 'NotOlderThan');
      }
      const reply = await this.#send('list', { method: 'GET', path: `${this.#path}?${query.toString()}` });
      if (reply.kind !== 'answered' || !this.#isRead('list', reply, [200, 410])) return { kind: 'failed' };
      if (reply.status === 410) {
        count(counts, '410 of a list');
        return { kind: 'expired' };
      }
      const answered = revisionOf(reply.json);
      if (revision !== 0 && answered !== revision)
        this.#options.unexpected.push(`${this.name}: a list of revision ${revision} went on at ${answered}`);
      revision = answered;
      for (const [key, version] of itemsOf(reply.json)) {
        if (items.has(key)) this.#options.unexpected.push(`${this.name}: a list has ${key} twice`);
        items.set(key, version);
      }
      const token = textOf(reply.json['metadata']?.['continue']);
      goOn = token === '' ? undefined : token;
    } while (goOn !== undefined);
    recorder.add({
      client: this.name,
      startMs,
      endMs: recorder.now(),
      kind: 'list',
      revision,
      items,
      ...(group === undefined ? {} : { group }),
      ...(asked === undefined ? {} : { asked }),
    });
    count(counts, 'list answered');
    return { kind: 'listed', revision, items };
  }

  async #write(attempt: Attempt, request: Request): Promise<Outcome | undefined> {
    const { recorder, counts, unexpected } = this.#options;
    const startMs = recorder.now();
    const reply = await this.#send(attempt.kind, request);
    const outcome = this.#outcome(attempt.kind, reply, unexpected);
    if (outcome === undefined) return undefined;
    // An attempt and its outcome belong together by kind: a deletion is deleted, all others are written.
    recorder.add({ client: this.name, startMs, endMs: recorder.now(), ...attempt, outcome } as never);
    count(counts, `${attempt.kind} ${outcome.kind}`);
    return outcome;
  }

  #outcome(kind: WriteKind, reply: Reply, unexpected: string[]): Outcome | undefined {
    try {
      return outcomeOf(kind, reply);
    } catch (error) {
      unexpected.push(`${this.name}: ${error instanceof Error ? error.message : String(error)}`);
      return { kind: 'unknown' };
    }
  }

  async #send(what: string, request: Request): Promise<Reply> {
    const reply = await this.#options.transport.send(request, this.#options.deadlineMs);
    if (reply.kind !== 'answered') count(this.#options.counts, `${what} ${reply.kind}`);
    return reply;
  }

  /** Is it an answer with something to read? Those that say "not now" are none; all others are not expected. */
  #isRead(
    what: string,
    { status, json }: { status: number; json: JsonObject },
    wanted: readonly number[],
  ): boolean {
    if (wanted.includes(status)) return true;
    count(this.#options.counts, `${what} refused`);
    if (![429, 503, 504].includes(status))
      this.#options.unexpected.push(
        `${this.name}: a ${what} was answered with ${status}: ${JSON.stringify(json)}`,
      );
    return false;
  }
}
