/** Runs CNI plugins the way a container runtime does: as executables of a folder. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../common/clock.js';
import { silentLogger } from '../../common/log.js';
import { LinkRemover } from '../../cni-plugins/daemon/link-remover.js';
import { servePlugins } from '../../cni-plugins/daemon/server.js';
import { install } from '../../cni-plugins/install/install.js';
import { createPlugins } from '../../cni-plugins/registry.js';
import { until } from './netns.js';

export interface PluginAnswer {
  readonly exitCode: number;
  readonly stdout: string;
  /** The parsed stdout; an empty object when there was none. */
  readonly json: Record<string, unknown>;
}

/** A folder of installed plugins, with or without a daemon that serves them. */
export class PluginFolder {
  readonly folder = mkdtempSync(join(tmpdir(), 'knarr-cni-'));
  readonly socketPath = join(this.folder, 'cni.sock');
  readonly ipamFolder = join(this.folder, 'ipam');
  readonly #logFile = join(this.folder, 'fallback.log');
  #stopDaemon: (() => Promise<void>) | undefined;

  constructor(options: { readonly usesDaemon: boolean }) {
    const compiled = fileURLToPath(new URL('../../cni-plugins', import.meta.url));
    const installed = install({
      binFolder: join(this.folder, 'bin'),
      nodePath: process.execPath,
      pluginFolder: compiled,
      ...(options.usesDaemon ? { socketPath: this.socketPath, logFile: this.#logFile } : {}),
    });
    if (installed.usesDaemon !== options.usesDaemon) throw new Error('netcat-openbsd is not installed');
  }

  async startDaemon(): Promise<void> {
    const abort = new AbortController();
    const remover = new LinkRemover(systemClock);
    const plugins = createPlugins((name) => remover.remove(name));
    const served = servePlugins({ socketPath: this.socketPath, plugins, log: silentLogger }, abort.signal);
    this.#stopDaemon = async () => {
      abort.abort();
      await served;
      await remover.close();
    };
    const probe = { CNI_COMMAND: 'VERSION' };
    await until('the daemon answers', async () => {
      await this.run('loopback', probe, '{}');
      return this.fallbacks() === 0 || this.forgetFallbacks();
    });
  }

  async stopDaemon(): Promise<void> {
    await this.#stopDaemon?.();
    this.#stopDaemon = undefined;
  }

  /** How many calls found no daemon since the count was last forgotten. */
  fallbacks(): number {
    try {
      return readFileSync(this.#logFile, 'utf8').split('\n').length - 1;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  forgetFallbacks(): false {
    rmSync(this.#logFile, { force: true });
    return false;
  }

  async run(plugin: string, environment: Record<string, string>, stdin: string): Promise<PluginAnswer> {
    const child = spawn(join(this.folder, 'bin', plugin), {
      env: { PATH: process.env['PATH'], CNI_PATH: join(this.folder, 'bin'), ...environment },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    let stdout = '';
    child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    const [exitCode] = (await once(child, 'close')) as [number];
    const json = stdout.trim() === '' ? {} : (JSON.parse(stdout) as Record<string, unknown>);
    return { exitCode, stdout, json };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
