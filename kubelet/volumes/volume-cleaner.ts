/**
 * Removes volumes of Pods from the node. Nothing is removed while anything is mounted in a Pod's folder, and nothing
 * behind a mount ever: what a stuck mount holds belongs to somebody else.
 *
 * The order is that of the set-up turned round, and the notes of which Pod uses what go last: whoever is killed on the
 * way is followed by another who finds the rest.
 */
import { readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { removeTree } from '../../common/remove-tree.js';
import { mountsBelow } from './mounter.js';
import type { Mounter } from './mounter.js';
import type { PodFolders } from './pod-folders.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

export interface VolumeCleanerOptions {
  readonly plugins: readonly VolumePlugin[];
  readonly mounter: Mounter;
  readonly folders: PodFolders;
}

export class VolumeCleaner {
  readonly #options: VolumeCleanerOptions;

  constructor(options: VolumeCleanerOptions) {
    this.#options = options;
  }

  /** Rejects with VolumeError when something cannot be unmounted; then no file was removed. Idempotent. */
  async releasePod(uid: string): Promise<void> {
    const { folders } = this.#options;
    await this.#unmountAll(folders.pod(uid));
    for (const pluginName of await namesIn(folders.volumes(uid)))
      for (const name of await namesIn(join(folders.volumes(uid), pluginName)))
        await this.#removeVolume(uid, pluginName, name);
    for (const folder of ['volumes', 'volumeDevices', 'volume-subpaths', 'plugins'])
      await removeTree(join(folders.pod(uid), folder));
  }

  /** The rest of the Pod's folder. Only after {@link releasePod}. */
  async removePod(uid: string): Promise<void> {
    await removeTree(this.#options.folders.pod(uid));
  }

  /** Only while no set-up of this plugin runs. */
  async releaseShared(plugin: VolumePlugin): Promise<void> {
    const { mounter, folders } = this.#options;
    const used = new Set<string>();
    for (const uid of await namesIn(folders.all))
      for (const name of await namesIn(join(folders.volumeNotes(uid), plugin.folderName))) used.add(name);
    await plugin.releaseUnused?.({ sharedFolder: folders.shared(plugin.folderName), mounter, used });
  }

  async isUsedByOthers(plugin: VolumePlugin, volume: string, uid: string): Promise<boolean> {
    const { folders } = this.#options;
    for (const other of await namesIn(folders.all)) {
      if (other === uid) continue;
      const names = await namesIn(join(folders.volumeNotes(other), plugin.folderName));
      if (names.includes(volume)) return true;
    }
    return false;
  }

  async #unmountAll(folder: string): Promise<void> {
    const { mounter } = this.#options;
    const trouble: string[] = [];
    for (const { path } of mountsBelow(await mounter.mounts(), folder)) {
      try {
        await mounter.unmount(path);
      } catch (error) {
        trouble.push(error instanceof Error ? error.message : String(error));
      }
    }
    const left = mountsBelow(await mounter.mounts(), folder).map(({ path }) => path);
    if (left.length === 0) return;
    throw new VolumeError(`still mounted: ${[...new Set(left)].join(', ')}: ${trouble.join('; ')}`);
  }

  async #removeVolume(uid: string, pluginName: string, name: string): Promise<void> {
    const path = this.#options.folders.volume(uid, pluginName, name);
    const plugin = this.#options.plugins.find(({ folderName }) => folderName === pluginName);
    if (plugin?.isEphemeral === true) {
      await removeTree(path);
      return;
    }
    try {
      await rmdir(path);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'ENOTEMPTY') throw error;
      throw new VolumeError(
        `${path} is not empty although nothing is mounted there: its files may be the only ones, look at them and remove the folder by hand`,
        { cause: error },
      );
    }
  }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return [];
    throw error;
  }
}
