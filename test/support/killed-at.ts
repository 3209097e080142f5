/**
 * Kills this process at its n-th change of a file or mount: before the change, or right after it. Imported first, before
 * what is to be tested, by the program that dies.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { Mounter } from '../../kubelet/volumes/mounter.js';

const changes = [
  'chmod',
  'lchown',
  'mkdir',
  'mkdtemp',
  'rename',
  'rm',
  'rmdir',
  'symlink',
  'unlink',
  'writeFile',
] as const;

export class KillSwitch {
  readonly #dieAt: number;
  readonly #isBefore: boolean;
  steps = 0;

  /** Never kills at step 0: then it only counts. */
  constructor(dieAt: number, isBefore: boolean) {
    this.#dieAt = dieAt;
    this.#isBefore = isBefore;
    for (const name of changes) {
      const real = fs.promises[name] as (...args: unknown[]) => Promise<unknown>;
      const counted = (...args: unknown[]): Promise<unknown> => this.#change(() => real(...args));
      Object.assign(fs.promises, { [name]: counted });
    }
    syncBuiltinESMExports();
  }

  wrap(mounter: Mounter): Mounter {
    return {
      mount: (request, signal) => this.#change(() => mounter.mount(request, signal)),
      unmount: (path) => this.#change(() => mounter.unmount(path)),
      mounts: () => mounter.mounts(),
    };
  }

  async #change<T>(real: () => Promise<T>): Promise<T> {
    const isLast = ++this.steps === this.#dieAt;
    if (isLast && this.#isBefore) process.kill(process.pid, 'SIGKILL');
    try {
      return await real();
    } finally {
      if (isLast) process.kill(process.pid, 'SIGKILL');
    }
  }
}
