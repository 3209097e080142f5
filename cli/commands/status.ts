/** `knarr status`: processes, ages, memory, restarts, ports, where the logs are, and trouble of the store. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRestClient } from '../../client/rest-client.js';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode } from '../command-context.js';
import { portsOf } from '../layout.js';
import type { Layout } from '../layout.js';
import { kubeconfigOf, processDefinitions } from '../processes.js';
import { askSupervisor } from '../supervisor/control.js';
import { PidFolder } from '../supervisor/process-identity.js';
import { age } from '../terminal.js';

interface ProcessRow {
  readonly name: string;
  readonly state: 'running' | 'waiting' | 'stopped';
  readonly pid?: number;
  readonly ageSeconds?: number;
  /** Proportional set size: shared pages count in parts. */
  readonly memoryBytes?: number;
  readonly restarts: number;
  readonly lastEnd?: string;
  readonly ports: readonly number[];
  readonly log: string;
}

export async function status(context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  if (!context.isRoot) throw new UsageError('knarr status needs root: run it again with sudo');
  const { layout } = await findCluster(context);
  const rows = await readRows(context, layout);
  const isUp = rows.every(({ state }) => state === 'running');
  const store = await askStore(context, layout, rows);
  const { nodeName: node, nodeIp } = layout.settings;
  const result = {
    running: isUp,
    node,
    nodeIp,
    server: layout.serverUrl,
    dataDir: layout.data.root,
    ...(store === undefined ? {} : { store }),
    processes: rows,
  };
  terminal.result(result, () => {
    if (rows.every(({ state }) => state === 'stopped')) {
      terminal.line('Knarr is not running: start it with ./knarr up');
      return;
    }
    printRows(context, rows);
    terminal.line();
    terminal.line(`Node ${node} (${nodeIp}), API ${layout.serverUrl}, data in ${layout.data.root}`);
    if (!isUp) terminal.error('not every process runs: knarr up brings back what is missing');
    if (store !== undefined && store.condition !== 'ok') terminal.error(store.message);
  });
  return isUp && store?.condition !== 'trouble' ? exitCodes.ok : exitCodes.failed;
}

interface StoreCondition {
  /** `unknown` while the apiserver does not answer: it may have been started just now. */
  readonly condition: 'ok' | 'trouble' | 'unknown';
  readonly message: string;
}

const askTimeoutMs = 3_000;

/** What the apiserver says of its store; undefined while it does not run. */
async function askStore(
  context: CommandContext,
  layout: Layout,
  rows: readonly ProcessRow[],
): Promise<StoreCondition | undefined> {
  if (!rows.some(({ name, state }) => name === 'apiserver' && state === 'running')) return undefined;
  const client = createRestClient({
    connection: { kubeconfig: kubeconfigOf(layout, 'admin') },
    userAgent: 'knarr',
    requestTimeoutMs: askTimeoutMs,
  });
  try {
    return { condition: 'ok', message: await client.raw('/readyz/store', context.signal) };
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    const trouble = /internal server error: (.*)/.exec(words)?.[1];
    return trouble === undefined
      ? { condition: 'unknown', message: `the apiserver does not answer yet: ${words}` }
      : { condition: 'trouble', message: `the store is in trouble: ${trouble}` };
  } finally {
    await client.close();
  }
}

function printRows({ terminal }: CommandContext, rows: readonly ProcessRow[]): void {
  terminal.table([
    ['PROCESS', 'STATE', 'PID', 'AGE', 'MEMORY', 'RESTARTS', 'PORTS', 'LOG'],
    ...rows.map((row) => [
      row.name,
      row.state,
      row.pid === undefined ? '-' : String(row.pid),
      row.ageSeconds === undefined ? '-' : age(row.ageSeconds * 1000),
      row.memoryBytes === undefined ? '-' : `${String(Math.round(row.memoryBytes / 1024 / 1024))} MiB`,
      row.lastEnd === undefined ? String(row.restarts) : `${String(row.restarts)} (${row.lastEnd})`,
      row.ports.length === 0 ? '-' : row.ports.join(','),
      row.log,
    ]),
  ]);
}

/** From the supervisor, or without one from the pid files. */
async function readRows(context: CommandContext, layout: Layout): Promise<ProcessRow[]> {
  const supervisor = await askSupervisor(layout.run.supervisorSocket);
  const pids = new PidFolder(layout.run.pids);
  const definitions = processDefinitions(layout, { ...context, node: context.nodePath });
  const names = ['supervisor', ...definitions.map(({ name }) => name)];
  return names.map((name) => {
    const known = supervisor?.processes.find((process) => process.name === name);
    const record = pids.readLive(name);
    const state = record !== undefined ? 'running' : (known?.state ?? 'stopped');
    return {
      name,
      state,
      ...(record === undefined
        ? {}
        : {
            pid: record.pid,
            ageSeconds: Math.floor((Date.now() - record.startedAt) / 1000),
            memoryBytes: memoryOf(record.pid),
          }),
      restarts: known?.restarts ?? record?.restarts ?? 0,
      ...(known?.lastEnd === undefined ? {} : { lastEnd: known.lastEnd }),
      ports: portsOf(layout.settings)
        .filter((entry) => entry.process === name)
        .map(({ port }) => port),
      log: join(layout.logs.root, `${name}.log`),
    };
  });
}

function memoryOf(pid: number): number {
  try {
    const text = readFileSync(`/proc/${String(pid)}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024;
  } catch (error) {
    // It ended between being found and being measured.
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return 0;
    throw error;
  }
}
