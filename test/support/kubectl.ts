/** Real kubectl and helm binaries for tests. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import type { KubectlVersion } from '../../cli/kubectl/unpack-kubectl.js';
import { runCommand, tryCommand } from '../../common/run-command.js';
import type { CommandResult } from '../../common/run-command.js';

export type { KubectlVersion } from '../../cli/kubectl/unpack-kubectl.js';

/** Oldest first. */
export const kubectlVersions: readonly KubectlVersion[] = [
  'v1.20',
  'v1.24',
  'v1.28',
  'v1.31',
  'v1.33',
  'v1.35',
];

/** For tests that are about something else than kubectl: what these two can do, those between can. */
export const newestAndOldestKubectl: readonly KubectlVersion[] = ['v1.35', 'v1.20'];

export interface KubectlOptions {
  readonly input?: string;
  readonly timeoutMs?: number;
  readonly environment?: Readonly<Record<string, string>>;
}

/** One kubectl binary on one kubeconfig. Calls may run at the same time. */
export class Kubectl {
  readonly version: KubectlVersion;
  readonly path: string;
  readonly kubeconfig: string;

  private constructor(version: KubectlVersion, path: string, kubeconfig: string) {
    this.version = version;
    this.path = path;
    this.kubeconfig = kubeconfig;
  }

  static async of(version: KubectlVersion, kubeconfig: string): Promise<Kubectl> {
    return new Kubectl(version, await unpackTool(version, 'kubectl'), kubeconfig);
  }

  /** Standard output; rejects with CommandError and kubectl's last words when it fails. */
  run(args: readonly string[], options: KubectlOptions = {}): Promise<string> {
    return runCommand(this.path, this.arguments(args), this.#commandOptions(options));
  }

  /** The result whatever the exit code is. */
  attempt(args: readonly string[], options: KubectlOptions = {}): Promise<CommandResult> {
    return tryCommand(this.path, this.arguments(args), this.#commandOptions(options));
  }

  async json<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.run([...args, '-o', 'json'])) as T;
  }

  /** Started and left running: for `logs -f`, `port-forward`, `get -w`. The caller ends it. */
  start(args: readonly string[]): ChildProcess {
    return spawn(this.path, this.arguments(args), { stdio: ['ignore', 'pipe', 'pipe'] });
  }

  /** All arguments with the kubeconfig in front, for those who start the binary themselves. */
  arguments(args: readonly string[]): string[] {
    return [`--kubeconfig=${this.kubeconfig}`, ...args];
  }

  #commandOptions(options: KubectlOptions): Parameters<typeof runCommand>[2] {
    return {
      timeoutMs: options.timeoutMs ?? 60_000,
      env: { ...process.env, ...options.environment },
      ...(options.input === undefined ? {} : { input: options.input }),
    };
  }
}
