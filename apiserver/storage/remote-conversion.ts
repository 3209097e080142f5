/**
 * Objects of a resource whose versions somebody else converts: a webhook. That takes time, so it happens before anybody
 * looks at a record, and once for all who do.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { StoredRecord } from './store.js';

/** Converts; may be called concurrently. Rejects with a StatusError. */
export interface RemoteConversion {
  readonly storedAs: ResourceDefinition;
  /** The JSON of stored objects as this resource serves them, in order. */
  toServed(values: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  toStored(object: KubernetesObject): Promise<KubernetesObject>;
}

/** Remembers what was converted for as long as the record's bytes are held; a failure is tried again by the next who asks. */
export class ConvertedRecords {
  readonly #conversion: RemoteConversion;
  readonly #values = new WeakMap<Uint8Array, Promise<Uint8Array>>();
  /** By the record that was converted: those who share records share what is made of them. */
  readonly #records = new WeakMap<StoredRecord, StoredRecord>();

  constructor(conversion: RemoteConversion) {
    this.#conversion = conversion;
  }

  /** The records with their values as they are served. Rejects with the signal's reason, or as the conversion does. */
  async convert(records: readonly StoredRecord[], signal?: AbortSignal): Promise<readonly StoredRecord[]> {
    this.#begin(records.map(({ value }) => value));
    const values = Promise.all(records.map(({ value }) => this.#values.get(value) ?? Promise.resolve(value)));
    const converted = await (signal === undefined ? values : orAborted(values, signal));
    return records.map((record, index) => this.#recordWith(record, converted[index] ?? record.value));
  }

  /** Asks for what nobody has asked for yet, in one call. */
  #begin(values: readonly Uint8Array[]): void {
    const missing = [...new Set(values)].filter((value) => !this.#values.has(value));
    if (missing.length === 0) return;
    const answer = this.#conversion.toServed(missing);
    for (const [index, value] of missing.entries()) {
      const one = answer.then((all) => all[index] ?? value);
      this.#values.set(value, one);
      // Whoever waits is told; the next one asks again.
      one.catch(() => this.#values.delete(value));
    }
  }

  #recordWith(record: StoredRecord, value: Uint8Array): StoredRecord {
    if (value === record.value) return record;
    let converted = this.#records.get(record);
    if (converted === undefined) {
      converted = { ...record, value };
      this.#records.set(record, converted);
    }
    return converted;
  }
}

function orAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => {
      signal.removeEventListener('abort', onAbort);
    });
  });
}
