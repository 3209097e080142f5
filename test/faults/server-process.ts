/** An API server as a process of its own that comes back when it dies, unless it is held down. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { signingKeyFile } from '../../common/signing-key.js';
import type { TestPki } from '../support/pki.js';

const main = fileURLToPath(new URL('../../apiserver/main.js', import.meta.url));
const restartPauseMs = 300;

export interface ServerProcessOptions {
  readonly pki: TestPki;
  readonly port: number;
  /** `--storage-backend` and what belongs to it. */
  readonly storage: Readonly<Record<string, string>>;
  readonly logFile: string;
}

export class ServerProcess {
  readonly url: string;
  readonly #options: ServerProcessOptions;
  #child: ChildProcess | undefined;
  #held = false;
  #ends = 0;
  #stopping = false;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: ServerProcessOptions) {
    this.#options = options;
    this.url = `https://127.0.0.1:${options.port}`;
  }

  /** How often it ended by itself: nobody asked for that. */
  get ends(): number {
    return this.#ends;
  }

  start(): void {
    this.#held = false;
    if (this.#child !== undefined || this.#stopping) return;
    const log = openSync(this.#options.logFile, 'a');
    const child = spawn(process.execPath, [main, ...Object.entries(this.#flags()).flat()], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    this.#child = child;
    this.#watching = once(child, 'exit').then(() => this.#ended());
  }

  /** Ends it with this signal, and holds it down. Resolves when it is gone. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#held = true;
    const child = this.#child;
    if (child === undefined) return;
    child.kill('SIGCONT');
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  }

  /** Stops it without ending it: connections stay, and nothing answers. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.end('SIGKILL');
    await this.#watching;
  }

  async #ended(): Promise<void> {
    this.#child = undefined;
    if (!this.#mayRun()) return;
    this.#ends++;
    await delay(restartPauseMs);
    if (this.#mayRun()) this.start();
  }

  #mayRun(): boolean {
    return !this.#held && !this.#stopping;
  }

  #flags(): Record<string, string> {
    const { pki, port, storage } = this.#options;
    return {
      '--bind-address': '127.0.0.1',
      '--secure-port': String(port),
      '--tls-cert-file': pki.certificateFile('apiserver'),
      '--tls-private-key-file': pki.keyFile('apiserver'),
      '--client-ca-file': pki.authorityFile,
      '--service-account-signing-key-file': signingKeyFile(pki.folder, 'sa'),
      // There is no controller that makes service accounts.
      '--disable-admission-plugins': 'ServiceAccount',
      '--log-level': 'info',
      ...storage,
    };
  }
}
