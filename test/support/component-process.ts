/** A component as a process of its own, which can be killed and started again. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const build = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

export class ComponentProcess {
  readonly #name: string;
  readonly #kubeconfig: string;
  readonly #flags: readonly string[];
  #process: ChildProcess | undefined;

  /** @param name the component's folder: `scheduler`, `controller-manager` */
  constructor(name: string, kubeconfig: string, flags: readonly string[] = []) {
    this.#name = name;
    this.#kubeconfig = kubeconfig;
    this.#flags = flags;
  }

  start(): void {
    const flags = ['--kubeconfig', this.#kubeconfig, '--secure-port', '0', '--log-level', 'warn'];
    this.#process = spawn(process.execPath, [join(build, this.#name, 'main.js'), ...flags, ...this.#flags], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }

  /** The exit code, or the signal that ended it. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<number | string | null> {
    const running = this.#process;
    if (running === undefined) return null;
    this.#process = undefined;
    const exit = once(running, 'exit') as Promise<[number | null, string | null]>;
    running.kill(signal);
    const [code, by] = await exit;
    return code ?? by;
  }
}
