/** Real helm binaries for tests, each with folders of its own. */
import { cp, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import type { KubectlVersion } from '../../cli/kubectl/unpack-kubectl.js';
import { packageRoot } from '../../common/paths.js';
import { runCommand, tryCommand } from '../../common/run-command.js';
import type { CommandOptions, CommandResult } from '../../common/run-command.js';

export type HelmVersion = 'v3.8' | 'v4.1';

/** The packages that carry them beside a kubectl. */
const carriers: Readonly<Record<HelmVersion, KubectlVersion>> = { 'v3.8': 'v1.20', 'v4.1': 'v1.35' };

export interface Revision {
  readonly revision: number;
  readonly status: string;
  readonly description: string;
}

/** One helm binary on one kubeconfig, in a folder that holds charts and what helm keeps. Calls may run at the same time. */
export class Helm {
  readonly folder: string;
  readonly #path: string;
  readonly #options: CommandOptions;

  private constructor(path: string, kubeconfig: string, folder: string) {
    this.#path = path;
    this.folder = folder;
    const home = join(folder, 'home');
    this.#options = {
      cwd: folder,
      timeoutMs: 120_000,
      env: {
        PATH: process.env['PATH'],
        KUBECONFIG: kubeconfig,
        HOME: home,
        HELM_CACHE_HOME: join(home, 'cache'),
        HELM_CONFIG_HOME: join(home, 'config'),
        HELM_DATA_HOME: join(home, 'data'),
      },
    };
  }

  /** `folder` belongs to the caller. */
  static async of(version: HelmVersion, kubeconfig: string, folder: string): Promise<Helm> {
    await mkdir(folder, { recursive: true });
    return new Helm(await unpackTool(carriers[version], 'helm'), kubeconfig, folder);
  }

  /** Copies the charts of test/charts into the folder, where helm may write beside them. */
  async bringCharts(): Promise<void> {
    await cp(join(packageRoot(), 'test', 'charts'), this.folder, { recursive: true });
  }

  /** Standard output; rejects with CommandError and helm's last words when it fails. */
  run(...args: string[]): Promise<string> {
    return runCommand(this.#path, args, this.#options);
  }

  /** The result whatever the exit code is. */
  attempt(...args: string[]): Promise<CommandResult> {
    return tryCommand(this.#path, args, this.#options);
  }

  async history(release: string, ...flags: string[]): Promise<Revision[]> {
    return JSON.parse(await this.run('history', release, '-o', 'json', ...flags)) as Revision[];
  }
}
