/** Where the files of a Pod are on the node: the layout of Kubernetes below the kubelet's root folder. */
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';

export class PodFolders {
  readonly #podsFolder: string;
  readonly #logsFolder: string;

  constructor(options: { readonly rootDir: string; readonly podLogsDir: string }) {
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

  volume(uid: string, plugin: string, volume: string): string {
    return join(this.#podsFolder, uid, 'volumes', plugin, volume);
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
