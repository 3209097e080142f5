/**
 * Which node ports are taken: one record for all, changed by compare and swap, in the form and at the place where
 * Kubernetes has it (a RangeAllocation with a bitmap). Several servers on one store never give out a port twice.
 */
import { randomUUID } from 'node:crypto';
import { StoreError } from '../../storage/store.js';
import type { Store } from '../../storage/store.js';
import type { NodePortRange } from './address-ranges.js';

const recordKey = '/registry/ranges/servicenodeports';
/** Each attempt is lost to somebody who made progress: more than this means that something is wrong. */
const maxAttempts = 256;

export class PortClaims {
  readonly #store: Store;
  readonly #range: NodePortRange;
  #waiting: PendingChange[] = [];
  #running: Promise<void> | undefined;

  constructor(store: Store, range: NodePortRange) {
    this.#store = store;
    this.#range = range;
  }

  /** The ports taken at this moment. */
  async read(): Promise<Set<number>> {
    const { record } = await this.#store.get(recordKey);
    return record === undefined ? new Set() : decodePorts(record.value);
  }

  /**
   * Lets `change` add to and take from the set, and writes it, again from the start when another server was faster:
   * `change` may be called several times. Returns its last result. Rejects with StoreError and what it throws. Calls
   * that come together share one write, so that only servers compete and not their requests.
   */
  change<T>(change: (taken: Set<number>) => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let result: T;
      this.#waiting.push({
        apply: (taken) => {
          result = change(taken);
        },
        resolve: () => {
          resolve(result);
        },
        reject,
      });
      this.#running ??= this.#run().finally(() => (this.#running = undefined));
    });
  }

  /** Never rejects: each change is told of its own fate. */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        for (const written of await this.#write(group)) written.resolve();
      } catch (error) {
        // Those that were refused by themselves have been told already: a second word changes nothing.
        for (const { reject } of group) reject(error as Error);
      }
    }
  }

  /** One write for all of them; those whose change throws are rejected and left out. */
  async #write(group: readonly PendingChange[]): Promise<readonly PendingChange[]> {
    let { record } = await this.#store.get(recordKey);
    for (let attempt = 0; attempt < maxAttempts; attempt++) {
      const before = record === undefined ? new Set<number>() : decodePorts(record.value);
      const taken = new Set(before);
      const applied = group.filter((pending) => applyTo(taken, pending));
      if (taken.size === before.size && [...taken].every((port) => before.has(port))) return applied;
      const value = encodePorts(taken, this.#range);
      const answer =
        record === undefined
          ? await this.#store.create(recordKey, value)
          : await this.#store.update(recordKey, value, record.modRevision);
      if (answer.kind === 'created' || answer.kind === 'updated') return applied;
      record = answer.kind === 'exists' ? answer.record : answer.current;
    }
    throw new StoreError('unavailable', 'the record of node ports is written to by too many at once');
  }
}

interface PendingChange {
  readonly apply: (taken: Set<number>) => void;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** False, and the set as it was, for a change that throws. */
function applyTo(taken: Set<number>, { apply, reject }: PendingChange): boolean {
  const before = [...taken];
  try {
    apply(taken);
    return true;
  } catch (error) {
    taken.clear();
    for (const port of before) taken.add(port);
    reject(error as Error);
    return false;
  }
}

/**
 * Bit n of a big-endian number stands for the n-th port of the range. Two writers that take the same port at the
 * same time must not write the same bytes: a store that has lost an answer tells by them whose write it was.
 */
export function encodePorts(taken: ReadonlySet<number>, range: NodePortRange): Buffer {
  const bytes = Buffer.alloc(Math.ceil((range.last - range.first + 1) / 8));
  for (const port of taken) {
    if (!range.contains(port)) continue;
    const bit = port - range.first;
    const at = bytes.length - 1 - (bit >> 3);
    bytes[at] = (bytes[at] ?? 0) | (1 << (bit & 7));
  }
  return Buffer.from(
    JSON.stringify({
      kind: 'RangeAllocation',
      apiVersion: 'v1',
      metadata: { annotations: { 'knarr.io/written-by': randomUUID() } },
      range: `${range.first}-${range.last}`,
      data: bytes.toString('base64'),
    }),
  );
}

/** Throws StoreError `corrupt` for a record in another form. */
export function decodePorts(value: Uint8Array): Set<number> {
  const { range, data } = readRecord(value);
  const first = Number(/^(\d+)-\d+$/.exec(range)?.[1] ?? Number.NaN);
  if (Number.isNaN(first)) throw corrupt();
  const bytes = Buffer.from(data, 'base64');
  const taken = new Set<number>();
  for (let bit = 0; bit < bytes.length * 8; bit++)
    if (((bytes[bytes.length - 1 - (bit >> 3)] ?? 0) & (1 << (bit & 7))) !== 0) taken.add(first + bit);
  return taken;
}

function readRecord(value: Uint8Array): { readonly range: string; readonly data: string } {
  let record: unknown;
  try {
    record = JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw corrupt(cause);
  }
  if (typeof record !== 'object' || record === null) throw corrupt();
  const { range, data = '' } = record as Record<string, unknown>;
  if (typeof range !== 'string' || typeof data !== 'string') throw corrupt();
  return { range, data };
}

function corrupt(cause?: unknown): StoreError {
  return new StoreError('corrupt', `${recordKey} is no RangeAllocation in JSON`, { cause });
}
