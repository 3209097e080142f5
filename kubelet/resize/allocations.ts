/**
 * What the node has promised to each of its Pods, on disk: a kubelet that was killed keeps its word, whatever the spec
 * says by then. One file a Pod, replaced as a whole.
 *
 * Reads are of memory. `set` is written at once, in the background; what acts upon it waits for `saved` first.
 */
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../common/log.js';
import type { Allocation, Sizes } from './allocated-pod.js';

interface Entry {
  readonly allocation: Allocation;
  /** Of the newest write; rejects with the error of the file system. */
  readonly written: Promise<void>;
  /** The same, which never rejects: the next write begins after it. */
  readonly settled: Promise<void>;
}

export class Allocations {
  readonly #folder: string;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();

  constructor(options: { readonly folder: string; readonly log: Logger }) {
    this.#folder = options.folder;
    this.#log = options.log;
  }

  /** Before anything else. A file that cannot be read is left out and removed: its Pod is sized anew. */
  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      const [uid = '', ...suffix] = name.split('.');
      try {
        if (suffix.join('.') !== 'json') throw new Error('a write that was broken off');
        const allocation = readAllocation(JSON.parse(await readFile(path, 'utf8')));
        const written = Promise.resolve();
        this.#entries.set(uid, { allocation, written, settled: written });
      } catch (error) {
        this.#log.warn('the sizes of a pod cannot be read and are forgotten', { path, err: error });
        await rm(path, { force: true });
      }
    }
  }

  get(uid: string): Allocation | undefined {
    return this.#entries.get(uid)?.allocation;
  }

  set(uid: string, allocation: Allocation): void {
    const before = this.#entries.get(uid)?.settled ?? Promise.resolve();
    const text = JSON.stringify(allocation);
    const written = before.then(() => this.#write(uid, text));
    const settled = written.catch((error: unknown) => {
      this.#log.warn('the sizes of a pod could not be saved', { uid, err: error });
    });
    this.#entries.set(uid, { allocation, written, settled });
  }

  /** Resolves when the newest word is on disk. Rejects when it cannot be written. */
  async saved(uid: string): Promise<void> {
    await this.#entries.get(uid)?.written;
  }

  async remove(uid: string): Promise<void> {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    this.#entries.delete(uid);
    await entry.settled;
    await rm(this.#path(uid), { force: true });
  }

  /** Forgets all Pods but these. */
  async retain(uids: ReadonlySet<string>): Promise<void> {
    const gone = [...this.#entries.keys()].filter((uid) => !uids.has(uid));
    await Promise.all(gone.map((uid) => this.remove(uid)));
  }

  async #write(uid: string, text: string): Promise<void> {
    const path = this.#path(uid);
    await writeFile(`${path}.new`, text, { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  #path(uid: string): string {
    return join(this.#folder, `${uid}.json`);
  }
}

function readAllocation(value: unknown): Allocation {
  const parts = (typeof value === 'object' && value !== null ? value : {}) as Partial<Allocation>;
  return { allocated: readSizes(parts.allocated), actuated: readSizes(parts.actuated) };
}

function readSizes(value: unknown): Sizes {
  if (typeof value !== 'object' || value === null) throw new Error('`allocated` or `actuated` is not there');
  return value as Sizes;
}
