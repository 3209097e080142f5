/** A whole Knarr cluster of its own folders, ports and kubeconfig: `knarr up`, and `knarr down --purge` at the end. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runCommand, tryCommand } from '../../common/run-command.js';
import type { CommandResult } from '../../common/run-command.js';
import { freePorts } from './free-ports.js';
import { Kubectl } from './kubectl.js';
import type { KubectlVersion } from './kubectl.js';

/** The compiled command line of the build that this test belongs to. */
export const knarrProgram = join(dirname(fileURLToPath(import.meta.url)), '..', '..', 'cli', 'main.js');

const upTimeoutMs = 120_000;

export interface UpResult {
  readonly alreadyRunning: boolean;
  readonly readyMs: number;
  readonly node: string;
  readonly nodeIp: string;
  readonly server: string;
}

export interface StatusResult {
  readonly running: boolean;
  readonly processes: readonly {
    readonly name: string;
    readonly state: string;
    readonly pid?: number;
    readonly restarts: number;
  }[];
}

export class TestCluster {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly #folderFlags: readonly string[];
  readonly #upFlags: readonly string[];

  private constructor(folder: string, ports: readonly number[], upFlags: readonly string[]) {
    this.folder = folder;
    this.kubeconfig = join(folder, 'kubeconfig');
    this.#folderFlags = [
      `--data-dir=${join(folder, 'data')}`,
      `--run-dir=${join(folder, 'run')}`,
      `--log-dir=${join(folder, 'log')}`,
    ];
    const names = [
      'secure',
      'kubelet',
      'kubelet-healthz',
      'scheduler',
      'controller-manager',
      'proxy-healthz',
    ];
    this.#upFlags = [
      ...names.map((name, index) => `--${name}-port=${String(ports[index])}`),
      `--kubeconfig=${this.kubeconfig}`,
      ...upFlags,
    ];
  }

  /** Only prepares: {@link up} starts it. */
  static async prepare(upFlags: readonly string[] = []): Promise<TestCluster> {
    const folder = await mkdtemp(join(tmpdir(), 'knarr-e2e-'));
    return new TestCluster(folder, await freePorts(6), upFlags);
  }

  get containerdSocket(): string {
    return join(this.folder, 'run', 'containerd.sock');
  }

  get logFolder(): string {
    return join(this.folder, 'log');
  }

  /** Runs a command of knarr with this cluster's folders. */
  knarr(command: string, ...flags: string[]): Promise<CommandResult> {
    const all = command === 'up' || command === 'doctor' ? [...this.#upFlags, ...flags] : flags;
    return tryCommand(process.execPath, [knarrProgram, ...command.split(' '), ...this.#folderFlags, ...all], {
      timeoutMs: upTimeoutMs,
    });
  }

  async up(...flags: string[]): Promise<UpResult> {
    return JSON.parse(await this.#succeed('up', '--output=json', ...flags)) as UpResult;
  }

  async down(...flags: string[]): Promise<void> {
    await this.#succeed('down', ...flags);
  }

  async status(): Promise<StatusResult> {
    // Exit code 1 says that a process is missing; what is there is told all the same.
    return JSON.parse((await this.knarr('status', '--output=json')).stdout) as StatusResult;
  }

  async pidOf(name: string): Promise<number> {
    const found = (await this.status()).processes.find((process) => process.name === name);
    if (found?.pid === undefined) throw new Error(`the process ${name} does not run`);
    return found.pid;
  }

  kubectl(version: KubectlVersion): Promise<Kubectl> {
    return Kubectl.of(version, this.kubeconfig);
  }

  /** Process ids of running containers, by container id. */
  async containerProcesses(): Promise<ReadonlyMap<string, number>> {
    const table = await runCommand('ctr', [
      `--address=${this.containerdSocket}`,
      '--namespace=k8s.io',
      'tasks',
      'ls',
    ]);
    return new Map(
      table
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter(([, , state]) => state === 'RUNNING')
        .map(([id = '', pid]) => [id, Number(pid)]),
    );
  }

  /** Removes everything; the test fails when something is left. */
  async purge(): Promise<void> {
    await this.#succeed('down', '--purge');
    await rm(this.folder, { recursive: true, force: true });
  }

  async #succeed(command: string, ...flags: string[]): Promise<string> {
    const result = await this.knarr(command, ...flags);
    if (result.exitCode === 0) return result.stdout;
    throw new Error(
      `knarr ${command} ended with ${String(result.exitCode)}:\n${result.stdout}${result.stderr}`,
    );
  }
}
