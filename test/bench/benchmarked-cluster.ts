/**
 * A cluster of its own for a benchmark: folders of its own, but the node's network and the default ports, so that no
 * other Knarr may run on the machine.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { tryCommand } from '../../common/run-command.js';
import { UsageError } from '../../common/usage-error.js';
import { defaultSettings, resolveLayout } from '../../cli/layout.js';
import type { Layout } from '../../cli/layout.js';

/** A node with a hundred pods on a slow disk takes a minute to stop. */
const commandTimeoutMs = 180_000;

/**
 * Prepares a cluster, gives it to `measure`, and purges it. Throws UsageError where a cluster cannot be: no root, or
 * another Knarr on the machine.
 */
export async function withCluster<T>(
  progress: (line: string) => void,
  measure: (cluster: BenchmarkedCluster) => Promise<T>,
): Promise<T> {
  if (process.getuid?.() !== 0) throw new UsageError('this benchmark needs root: run it with sudo');
  if (existsSync(`/sys/class/net/${defaultSettings.bridge}`)) {
    throw new UsageError('a Knarr cluster is on this machine: run ./knarr down --purge first');
  }
  const folder = mkdtempSync(join(tmpdir(), 'knarr-bench-'));
  const cluster = new BenchmarkedCluster(folder);
  try {
    return await measure(cluster);
  } finally {
    await purge(cluster, folder, progress);
  }
}

/** What was measured is not lost when cleaning up fails; the one who measures is told what is left. */
async function purge(
  cluster: BenchmarkedCluster,
  folder: string,
  progress: (line: string) => void,
): Promise<void> {
  try {
    await cluster.knarr('down', '--purge');
    rmSync(folder, { recursive: true, force: true });
  } catch (error) {
    progress(`not all was cleaned up: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** `knarr` with folders of its own, of the build that this file belongs to. */
export class BenchmarkedCluster {
  readonly layout: Layout;
  readonly kubeconfig: string;
  readonly #folders: readonly string[];

  constructor(folder: string) {
    const folders = {
      dataDir: join(folder, 'data'),
      runDir: join(folder, 'run'),
      logDir: join(folder, 'log'),
    };
    this.kubeconfig = join(folder, 'kubeconfig');
    this.layout = resolveLayout({
      ...defaultSettings,
      ...folders,
      nodeName: 'bench',
      nodeIp: '127.0.0.1',
      kubeconfig: this.kubeconfig,
    });
    this.#folders = [
      `--data-dir=${folders.dataDir}`,
      `--run-dir=${folders.runDir}`,
      `--log-dir=${folders.logDir}`,
    ];
  }

  /** Runs the command and returns its JSON; throws with its last words when it fails. */
  async knarr(command: 'up' | 'down' | 'status', ...flags: readonly string[]): Promise<unknown> {
    const program = join(dirname(fileURLToPath(import.meta.url)), '../../cli/main.js');
    const own = command === 'up' ? [`--kubeconfig=${this.kubeconfig}`, '--node-name=bench'] : [];
    const args = [program, command, ...this.#folders, ...own, '--output=json', ...flags];
    const run = await tryCommand(process.execPath, args, { timeoutMs: commandTimeoutMs });
    if (run.exitCode !== 0) throw new Error(`knarr ${command} failed:\n${run.stderr}${run.stdout}`);
    return run.stdout === '' ? undefined : JSON.parse(run.stdout);
  }
}

/** What containerd leaves below each controller after the last bare pod. */
export function removeEmptyCgroups(name: string): void {
  spawnSync('find', [
    '/sys/fs/cgroup',
    '-depth',
    '-type',
    'd',
    '-path',
    `*/${name}*`,
    '-exec',
    'rmdir',
    '{}',
    ';',
  ]);
}
