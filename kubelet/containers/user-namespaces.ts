/**
 * Ranges of user and group numbers of the node, one for each Pod with `hostUsers: false`: root inside is nobody outside,
 * and nobody shares a number with another Pod.
 *
 * A range is written into the Pod's folder before it is used, so a kubelet that comes back gives no range twice; it is
 * free again when the folder is gone. Calls may be made concurrently.
 */
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodFolders } from '../volumes/pod-folders.js';

export interface IdRange {
  /** The user of the node that root inside is. */
  readonly firstId: number;
  readonly length: number;
}

/** Users of one Pod: all that 16 bits can name. */
const rangeLength = 65_536;
/** The first range belongs to the node itself. */
const firstRange = 1;

export class UserNamespaces {
  readonly #folders: PodFolders;
  readonly #maxPods: number;
  #inTurn: Promise<unknown> = Promise.resolve();

  constructor(folders: PodFolders, maxPods: number) {
    this.#folders = folders;
    this.#maxPods = maxPods;
  }

  /** The Pod's range, chosen at the first call. Rejects when there is none left. */
  async rangeOf(uid: string): Promise<IdRange> {
    const range = this.#inTurn.then(() => this.#readOrChoose(uid));
    this.#inTurn = range.catch(() => undefined);
    return range;
  }

  async #readOrChoose(uid: string): Promise<IdRange> {
    const own = await this.#read(uid);
    if (own !== undefined) return toRange(own);
    const others = await Promise.all((await listFolder(this.#folders.all)).map((other) => this.#read(other)));
    const taken = new Set(others);
    for (let number = firstRange; number < firstRange + this.#maxPods; number++) {
      if (taken.has(number)) continue;
      await mkdir(this.#folders.pod(uid), { recursive: true });
      await writeFile(this.#file(uid), JSON.stringify(toRange(number)));
      return toRange(number);
    }
    throw new Error(`could not find an empty slot to allocate a user namespace for pod ${uid}`);
  }

  async #read(uid: string): Promise<number | undefined> {
    try {
      const range = JSON.parse(await readFile(this.#file(uid), 'utf8')) as Partial<IdRange> | null;
      const number = (range?.firstId ?? NaN) / rangeLength;
      if (Number.isInteger(number)) return number;
      throw new Error(`${this.#file(uid)} holds no range of users: delete pod ${uid} to have it made anew`);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  #file(uid: string): string {
    return join(this.#folders.pod(uid), 'userns');
  }
}

function toRange(number: number): IdRange {
  return { firstId: number * rangeLength, length: rangeLength };
}

async function listFolder(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
