/** Storage for tests of scheduler plugins: objects in a map, changed at once. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.js';
import type { StorageClass } from '../../api/generated/storage-v1.js';
import { keyOf } from '../../api/objects.js';
import type { StorageView } from '../../scheduler/framework/storage-view.js';

type StorageObject = PersistentVolume | PersistentVolumeClaim | StorageClass;

export class MemoryStorage implements StorageView {
  readonly #objects = new Map<string, StorageObject>();
  readonly #waiters = new Set<() => void>();

  constructor(objects: readonly StorageObject[] = []) {
    for (const object of objects) this.put(object);
  }

  put(object: StorageObject): void {
    this.#objects.set(`${object.kind} ${keyOf(object)}`, object);
    for (const check of [...this.#waiters]) check();
  }

  claim(key: string): PersistentVolumeClaim | undefined {
    const found = this.#objects.get(`PersistentVolumeClaim ${key}`);
    return found?.kind === 'PersistentVolumeClaim' ? found : undefined;
  }

  volume(name: string): PersistentVolume | undefined {
    return this.volumes().find(({ metadata }) => metadata.name === name);
  }

  volumes(): readonly PersistentVolume[] {
    return [...this.#objects.values()].filter((object) => object.kind === 'PersistentVolume');
  }

  storageClass(name: string): StorageClass | undefined {
    const found = this.#objects.get(`StorageClass ${name}`);
    return found?.kind === 'StorageClass' ? found : undefined;
  }

  async updateVolume(volume: PersistentVolume): Promise<PersistentVolume> {
    this.put(volume);
    return volume;
  }

  async updateClaim(claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
    this.put(claim);
    return claim;
  }

  until<T>(look: () => T | undefined, _timeoutMs: number, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const answer = look();
        if (answer === undefined) return;
        this.#waiters.delete(check);
        resolve(answer);
      };
      this.#waiters.add(check);
      const stop = (): void => {
        this.#waiters.delete(check);
        reject(new Error('aborted'));
      };
      signal.addEventListener('abort', stop);
      if (signal.aborted) stop();
      else check();
    });
  }
}
