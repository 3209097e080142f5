/** Stops everything that Knarr started on a run folder, and nothing else, in an order in which each can finish. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Layout } from '../layout.js';
import { tryCommand } from '../../common/run-command.js';
import { tellSupervisor } from '../supervisor/control.js';
import { PidFolder } from '../supervisor/process-identity.js';
import { findOwnShims } from './own-shims.js';
import { killProcess, stopProcess } from './stop-process.js';

export interface StopClusterOptions {
  readonly layout: Layout;
  readonly nodePath: string;
  readonly buildDir: string;
  /** Stop the pods' containers as well; else they run on without a runtime. */
  readonly stopPods: boolean;
  /** Called with a line for each step. */
  readonly say: (line: string) => void;
}

const supervisorPatienceMs = 5000;
const processPatienceMs = 10_000;
/** Stopping pods takes their grace period and a second or two. */
const podsTimeoutMs = 120_000;

/** Before the pods: nobody may start or move one any more. */
const first = ['kubelet', 'scheduler', 'controller-manager'];
/** containerd and the CNI daemon take part in stopping pods, so they go after them. */
const afterPods = ['proxy', 'apiserver', 'cni'];

/** Idempotent. Returns what could not be stopped, as sentences; empty when all is down. */
export async function stopCluster(options: StopClusterOptions): Promise<string[]> {
  const { layout, say } = options;
  const problems: string[] = [];
  const pids = new PidFolder(layout.run.pids);
  await stopSupervisor(layout, pids);
  const stop = async (names: readonly string[]): Promise<void> => {
    const outcomes = await Promise.all(names.map((name) => stopNamed(pids, name)));
    const stopped = names.filter((_, index) => outcomes[index] !== undefined);
    if (stopped.length > 0) say(`stopped ${stopped.join(', ')}`);
    names.forEach((name, index) => {
      if (outcomes[index] === 'killed') say(`${name} did not end in time and was killed`);
      if (outcomes[index] === 'stuck') problems.push(`the process ${name} cannot be ended`);
    });
  };
  await stop(first);
  if (options.stopPods) problems.push(...(await stopPods(options, pids)));
  await stop(afterPods);
  // Whatever else has a pid file: processes of a version with other boxes.
  await stop(pids.names().filter((name) => name !== 'containerd'));
  await stop(['containerd']);
  if (options.stopPods) {
    const shims = findOwnShims(layout.run.containerdSocket);
    await Promise.all(shims.map(killProcess));
    if (shims.length > 0) say(`ended ${String(shims.length)} processes of containers that were left`);
  }
  for (const file of [layout.run.settings, layout.run.supervisorSocket, layout.run.cniSocket])
    await rm(file, { force: true });
  return problems;
}

async function stopSupervisor(layout: Layout, pids: PidFolder): Promise<void> {
  try {
    await tellSupervisor(layout.run.supervisorSocket, 'leave');
  } catch {
    // It hangs: its pid file says whom to end, and what it runs does not depend on it.
  }
  const record = pids.readLive('supervisor');
  if (record !== undefined) await stopProcess(record, supervisorPatienceMs);
  pids.remove('supervisor');
}

async function stopNamed(pids: PidFolder, name: string): Promise<string | undefined> {
  const record = pids.readLive(name);
  if (record === undefined) {
    pids.remove(name);
    return undefined;
  }
  const outcome = await stopProcess(record, processPatienceMs);
  if (outcome !== 'stuck') pids.remove(name);
  return outcome;
}

async function stopPods(options: StopClusterOptions, pids: PidFolder): Promise<string[]> {
  const { layout, nodePath, buildDir, say } = options;
  // Without containerd its shims are ended directly, below.
  if (pids.readLive('containerd') === undefined) return [];
  const { exitCode, stdout, stderr } = await tryCommand(
    nodePath,
    [
      join(buildDir, 'kubelet', 'stop-pods', 'main.js'),
      `--container-runtime-endpoint=unix://${layout.run.containerdSocket}`,
    ],
    { timeoutMs: podsTimeoutMs },
  );
  if (exitCode !== 0) return [`not all pods could be stopped: ${stderr.trim().split('\n')[0] ?? ''}`];
  const count = Number(stdout);
  if (count > 0) say(`stopped ${String(count)} pods`);
  return [];
}
