/**
 * Objects that were written last. Who changes an object mostly changes it again soon: a lease, the status of a node, a pod
 * that is starting. The next change finds it here and is spared the parsing of what is stored, a tenth of what a write
 * costs. Bounded: the one that was written longest ago gives way.
 */
import type { KubernetesObject } from '../../api/objects.js';

interface Entry {
  readonly revision: number;
  readonly object: KubernetesObject;
  readonly bytes: number;
}

export class RecentObjects {
  readonly #maxBytes: number;
  /** By key, in the order of their writes. */
  readonly #entries = new Map<string, Entry>();
  #bytes = 0;

  /** So many bytes of JSON, 4 MiB unless told; as objects they take about twice of it. */
  constructor(maxBytes = 4 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** What was stored under the key at this revision, if it is still known. Read-only. */
  get(key: string, revision: number): KubernetesObject | undefined {
    const entry = this.#entries.get(key);
    return entry?.revision === revision ? entry.object : undefined;
  }

  /** `object` is what the bytes say, and is not changed any more. */
  set(key: string, revision: number, object: KubernetesObject, bytes: number): void {
    this.delete(key);
    this.#entries.set(key, { revision, object, bytes });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
  }
}
