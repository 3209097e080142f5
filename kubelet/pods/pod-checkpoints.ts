/**
 * What the kubelet knows of its Pods, on disk: so that a kubelet that starts while the apiserver is away can go on
 * looking after what runs. Written a moment after each change, read once at the start; the apiserver's word always wins.
 */
import { mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';

/** Changes within this time are written as one. */
const delayMs = 500;

interface Entry {
  wanted: string;
  written: string;
  cancel: (() => void) | undefined;
}

/** The end of a file's name until it is whole. */
const unfinished = '.new';

export class PodCheckpoints {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #entries = new Map<string, Entry>();
  /** One write at a time. */
  #work: Promise<void> = Promise.resolve();

  constructor(options: { readonly folder: string; readonly clock: Clock; readonly log: Logger }) {
    this.#folder = options.folder;
    this.#clock = options.clock;
    this.#log = options.log;
  }

  /** All Pods that were saved, by uid. A file that cannot be read is left out and removed. */
  async load(): Promise<ReadonlyMap<string, Pod>> {
    const found = new Map<string, Pod>();
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#folder)) {
      const path = join(this.#folder, name);
      // Of a kubelet that was killed while it wrote: what was there before still counts.
      if (name.endsWith(unfinished)) {
        await rm(path, { force: true });
        continue;
      }
      try {
        const text = await readFile(path, 'utf8');
        const pod = JSON.parse(text) as Pod;
        found.set(pod.metadata.uid, pod);
        this.#entries.set(pod.metadata.uid, { wanted: text, written: text, cancel: undefined });
      } catch (error) {
        this.#log.warn('a saved pod cannot be read and is forgotten', { path, err: error });
        await rm(path, { force: true });
      }
    }
    return found;
  }

  save(pod: Pod): void {
    const { uid } = pod.metadata;
    const metadata: Pod['metadata'] = { ...pod.metadata };
    delete metadata.managedFields;
    const text = JSON.stringify({ ...pod, metadata });
    const entry = this.#entries.get(uid) ?? { wanted: '', written: '', cancel: undefined };
    this.#entries.set(uid, entry);
    entry.wanted = text;
    if (entry.wanted === entry.written || entry.cancel !== undefined) return;
    entry.cancel = this.#clock.schedule(delayMs, () => {
      this.#write(uid, entry);
    });
  }

  remove(uid: string): void {
    const entry = this.#entries.get(uid);
    if (entry === undefined) return;
    entry.cancel?.();
    this.#entries.delete(uid);
    this.#enqueue(() => rm(this.#path(uid), { force: true }));
  }

  /** Forgets all Pods but these. */
  retain(uids: ReadonlySet<string>): void {
    for (const uid of this.#entries.keys()) if (!uids.has(uid)) this.remove(uid);
  }

  /** Writes what is due and resolves when it is written. */
  async flush(): Promise<void> {
    for (const [uid, entry] of this.#entries) if (entry.cancel !== undefined) this.#write(uid, entry);
    await this.#work;
  }

  #write(uid: string, entry: Entry): void {
    entry.cancel?.();
    entry.cancel = undefined;
    this.#enqueue(async () => {
      if (this.#entries.get(uid) !== entry || entry.wanted === entry.written) return;
      const text = entry.wanted;
      const path = this.#path(uid);
      await writeFile(path + unfinished, text, { mode: 0o600 });
      await rename(path + unfinished, path);
      entry.written = text;
    });
  }

  #enqueue(work: () => Promise<void>): void {
    this.#work = this.#work.then(work).catch((error: unknown) => {
      this.#log.warn('a pod could not be saved', { err: error });
    });
  }

  #path(uid: string): string {
    return join(this.#folder, `${uid}.json`);
  }
}
