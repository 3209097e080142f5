/** A kubelet in a process of its own that dies at a step that the test names (see integration/kubelet-steps-victim.ts). */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Death } from './mortal-runtime.js';

const program = join(fileURLToPath(import.meta.url), '../../integration/kubelet-steps-victim.js');

export class KubeletVictim {
  /** KUBECONFIG CONTAINERD_ENDPOINT CGROUP_ROOT FOLDER [CONFIGURATION] */
  readonly #parameters: readonly string[];
  #process: ChildProcess | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor(parameters: readonly string[]) {
    this.#parameters = parameters;
  }

  get isDead(): boolean {
    return this.#process?.signalCode === 'SIGKILL';
  }

  async start(): Promise<void> {
    this.#process = spawn(process.execPath, [program, ...this.#parameters], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#process.stdout === null) throw new Error('it has no output');
    this.#lines = createInterface(this.#process.stdout)[Symbol.asyncIterator]();
    await this.#hear('serving');
  }

  async arm(death: Death): Promise<void> {
    this.#process?.stdin?.write(`${JSON.stringify(death)}\n`);
    await this.#hear('armed');
  }

  async kill(): Promise<void> {
    const running = this.#process;
    if (running === undefined || running.exitCode !== null || running.signalCode !== null) return;
    const ended = once(running, 'exit');
    running.kill('SIGKILL');
    await ended;
  }

  async #hear(word: string): Promise<void> {
    const line = await this.#lines?.next();
    if (line?.value !== word) throw new Error(`the kubelet did not say ${word}`);
  }
}
