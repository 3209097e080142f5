/** Where the files of a Pod are on the node: the layout of Kubernetes below the kubelet's root folder. */
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';

export class PodFolders {
  readonly #rootDir: string;
  readonly #podsFolder: string;
  readonly #logsFolder: string;

  constructor(options: { readonly rootDir: string; readonly podLogsDir: string }) {
    this.#rootDir = options.rootDir;
    this.#podsFolder = join(options.rootDir, 'pods');
    this.#logsFolder = options.podLogsDir;
  }

  get all(): string {
    return this.#podsFolder;
  }

  get allLogs(): string {
    return this.#logsFolder;
  }

  pod(uid: string): string {
    return join(this.#podsFolder, uid);
  }

  /** All volumes of a Pod: `PLUGIN/VOLUME` below it. */
  volumes(uid: string): string {
    return join(this.#podsFolder, uid, 'volumes');
  }

  volume(uid: string, plugin: string, volume: string): string {
    return join(this.volumes(uid), plugin, volume);
  }

  /** Links to the devices of a Pod's block volumes: `PLUGIN/VOLUME` below it. */
  volumeDevices(uid: string): string {
    return join(this.#podsFolder, uid, 'volumeDevices');
  }

  /** Notes of plugins on a Pod's volumes: `PLUGIN/VOLUME` below it. */
  volumeNotes(uid: string): string {
    return join(this.#podsFolder, uid, 'plugins');
  }

  /** Where a file or folder of a volume is mounted for one container; `index` is that of its volumeMount. */
  subPath(uid: string, volume: string, container: string, index: number): string {
    return join(this.#podsFolder, uid, 'volume-subpaths', volume, container, String(index));
  }

  /** What several Pods use of a plugin. */
  shared(plugin: string): string {
    return join(this.#rootDir, 'plugins', plugin);
  }

  hostsFile(uid: string): string {
    return join(this.#podsFolder, uid, 'etc-hosts');
  }

  /** What a container writes as its last words; one file for each start. */
  terminationMessage(uid: string, container: string, restartCount: number): string {
    return join(this.#podsFolder, uid, 'containers', container, String(restartCount));
  }

  logs(pod: { readonly metadata: Pick<Pod['metadata'], 'namespace' | 'name' | 'uid'> }): string {
    const { namespace, name, uid } = pod.metadata;
    return join(this.#logsFolder, `${namespace}_${name}_${uid}`);
  }
}
