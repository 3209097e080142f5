/** `knarr up`: from nothing, or from whatever is there, to a node that is Ready. */
import { readFile } from 'node:fs/promises';
import type { Node } from '../../api/generated/core-v1.js';
import { nodes } from '../../api/resources.js';
import { createRestClient } from '../../client/rest-client.js';
import type { Pki } from '../../common/pki.js';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import type { CheckResult } from '../checks/check.js';
import { checkMachine } from '../checks/machine.js';
import { findProgram, missingPackages } from '../checks/packages.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode, FoundCluster } from '../command-context.js';
import { snapshotterOf } from '../containerd/containerd-config.js';
import type { Snapshotter } from '../containerd/containerd-config.js';
import { removeNetwork } from '../down/purge-cluster.js';
import { stopCluster } from '../down/stop-cluster.js';
import { ensureShippedImages } from '../images/containerd-images.js';
import { mergeIntoFile } from '../kubeconfig/merge-kubeconfig.js';
import { contextName } from '../layout.js';
import type { Layout } from '../layout.js';
import { withLock } from '../lock.js';
import { installPackages } from '../packages/install-packages.js';
import { kubeconfigOf } from '../processes.js';
import { conflictingFlags, writeSettings } from '../settings-file.js';
import { askSupervisor, tellSupervisor } from '../supervisor/control.js';
import { PidFolder } from '../supervisor/process-identity.js';
import { seconds } from '../terminal.js';
import {
  makeFolders,
  prepareBridge,
  prepareCertificates,
  prepareCniPlugins,
  prepareContainerd,
} from '../up/prepare-node.js';
import { findFirstImages } from '../up/first-images.js';
import type { FirstImages } from '../up/first-images.js';
import { prewarmFirst, prewarmTimeoutMs } from '../up/prewarm-stage.js';
import { Stages } from '../up/stages.js';
import { startSupervisor } from '../up/start-supervisor.js';
import { waitUntil } from '../up/wait-until.js';

const readyTimeoutMs = 90_000;

export async function up(context: CommandContext): Promise<ExitCode> {
  const { terminal } = context;
  if (!context.isRoot) throw new UsageError('knarr up needs root: run it again with sudo');
  const cluster = await findCluster(context);
  const { layout } = cluster;
  const wasRunning = (await askSupervisor(layout.run.supervisorSocket)) !== undefined;
  if (wasRunning && cluster.running !== undefined) {
    const conflicts = conflictingFlags(context.flags, cluster.running);
    if (conflicts.length > 0) {
      throw new UsageError(
        `Knarr is running with ${conflicts.join(', ')}: run knarr down first to change that`,
      );
    }
  }
  const stages = new Stages(terminal);
  const checks = wasRunning ? [] : await runChecks(context, layout, stages);
  if (checks === undefined) return exitCodes.usage;
  const pki = await withLock(layout, () => bringUp(context, cluster, { wasRunning, checks, stages }));
  await stages.run('kubeconfig', async () => {
    await mergeAdminContext(cluster, pki);
    return `context ${contextName} in ${layout.settings.kubeconfig}`;
  });
  printResult(context, layout, stages, wasRunning);
  return exitCodes.ok;
}

/** Undefined when something is in the way; it has been said then. */
async function runChecks(
  context: CommandContext,
  layout: Layout,
  stages: Stages,
): Promise<readonly CheckResult[] | undefined> {
  const { terminal } = context;
  let results: CheckResult[] = [];
  const check = async (): Promise<string> => {
    results = await checkMachine({ ...context, settings: layout.settings, isOwn: ownProcesses(layout) });
    return `${String(results.filter(({ level }) => level === 'ok').length)} fine`;
  };
  await stages.run('checks', check);
  const missing = missingPackages();
  const failed = (): boolean => results.some(({ level }) => level === 'fail');
  if (missing.length > 0 && !failed()) {
    await stages.run('packages', async () => {
      terminal.line(`Installing with apt-get: ${missing.join(' ')}`);
      await installPackages(
        missing,
        (line) => {
          terminal.line(terminal.colour('dim', `  ${line}`));
        },
        context.signal,
      );
      return `installed ${missing.join(', ')}`;
    });
    // Now there are the tools to try the kernel with.
    await stages.run('checks', check);
  }
  for (const { level, name, message, remedy } of results) {
    if (level === 'warn')
      terminal.line(`${terminal.colour('yellow', '!')} ${name}: ${message} (${remedy ?? ''})`);
    if (level === 'fail') terminal.error(`${name}: ${message}: ${remedy ?? ''}`);
  }
  return failed() ? undefined : results;
}

function ownProcesses(layout: Layout): (pid: number) => boolean {
  const own = new Set(new PidFolder(layout.run.pids).readAllLive().map(({ pid }) => pid));
  return (pid) => own.has(pid);
}

interface BringUp {
  readonly wasRunning: boolean;
  readonly checks: readonly CheckResult[];
  readonly stages: Stages;
}

async function bringUp(context: CommandContext, cluster: FoundCluster, state: BringUp): Promise<Pki> {
  const { layout } = cluster;
  const { stages, wasRunning } = state;
  const overlayFails = state.checks.some(({ name, level }) => name === 'overlayfs' && level !== 'ok');
  const snapshotter: Snapshotter = wasRunning
    ? snapshotterOf(await readFile(layout.data.containerdConfig, 'utf8'))
    : overlayFails
      ? 'native'
      : 'overlayfs';
  let pki: Pki | undefined;
  await stages.run('pki', async () => {
    await makeFolders(layout);
    pki = await prepareCertificates(layout, Date.now());
    const count = Object.keys(pki.issued).length;
    return `${count === 0 ? 'all certificates there' : `${String(count)} certificates issued`} in ${layout.data.pki}`;
  });
  if (pki === undefined) throw new Error('the certificates were not made');
  const startedByUs = !wasRunning && new PidFolder(layout.run.pids).readAllLive().length === 0;
  try {
    const installing = wasRunning
      ? Promise.resolve()
      : prepareCniPlugins(layout, context.buildDir, context.nodePath);
    // Awaited below; until then a failure must not count as one that nobody handles.
    installing.catch(() => undefined);
    const first = startedByUs ? await findFirstImages(layout) : noImages;
    await stages.run('processes', () => startProcesses(context, layout, { snapshotter, wasRunning, first }));
    await Promise.all([installing, waitForNode(context, layout, { snapshotter, stages, first })]);
  } catch (error) {
    // Nothing half-done stays: what this call started it stops again. Logs and data remain.
    if (startedByUs) {
      context.terminal.line('The cluster did not become ready: stopping what was started.');
      await stopCluster({ ...context, layout, stopPods: true, say: () => undefined });
      await removeNetwork({ ...context, layout });
    }
    throw error;
  }
  return pki;
}

interface NodeStart {
  readonly snapshotter: Snapshotter;
  /** What is made warm while the kubelet is held back; without images it is not. */
  readonly first: FirstImages;
}

const noImages: FirstImages = { podCount: 0, images: [] };

async function startProcesses(
  context: CommandContext,
  layout: Layout,
  { snapshotter, wasRunning, first }: NodeStart & { readonly wasRunning: boolean },
): Promise<string> {
  if (wasRunning) {
    await tellSupervisor(layout.run.supervisorSocket, 'retry');
    return 'already running';
  }
  await Promise.all([prepareContainerd(layout, snapshotter), prepareBridge(layout), writeSettings(layout)]);
  const adopted = new PidFolder(layout.run.pids).readAllLive().map(({ name }) => name);
  const status = await startSupervisor(layout, context, {
    signal: context.signal,
    hold: first.images.length > 0 ? ['kubelet'] : [],
  });
  const names = status.processes.map(({ name }) => name);
  return adopted.length === 0 ? names.join(', ') : `the supervisor, which took over ${adopted.join(', ')}`;
}

/** The rest comes up side by side; each stage is printed when it is reached. */
async function waitForNode(
  context: CommandContext,
  layout: Layout,
  { snapshotter, stages, first }: NodeStart & { readonly stages: Stages },
): Promise<void> {
  const { signal } = context;
  const heldMs = first.images.length === 0 ? 0 : prewarmTimeoutMs;
  const limits = { timeoutMs: readyTimeoutMs + heldMs, signal };
  const pids = new PidFolder(layout.run.pids);
  // Times in the API have whole seconds.
  const kubeletStart = (): number =>
    Math.floor((pids.readLive('kubelet')?.startedAt ?? Infinity) / 1000) * 1000;
  const client = createRestClient({
    connection: { kubeconfig: kubeconfigOf(layout, 'admin') },
    userAgent: 'knarr',
    requestTimeoutMs: 5000,
  });
  try {
    await Promise.all([
      (async () => {
        await prepareImages(layout, snapshotter, { stages, limits });
        if (first.images.length > 0) await prewarm(context, layout, { snapshotter, stages, first });
      })(),
      (async () => {
        await stages.run('apiserver', async () => {
          await waitUntil(layout, 'the apiserver was not ready', () => client.raw('/readyz', signal), limits);
          return layout.serverUrl;
        });
        const { nodeName } = layout.settings;
        await stages.run('node', async () => {
          const node = await waitUntil(
            layout,
            `node ${nodeName} was not Ready`,
            async () =>
              readyOrReason(await client.resource(nodes).get({ name: nodeName }, signal), kubeletStart()),
            limits,
          );
          return `${nodeName} is Ready (${node.status.nodeInfo?.kubeletVersion ?? ''})`;
        });
      })(),
    ]);
  } finally {
    await client.close();
  }
}

async function prepareImages(
  layout: Layout,
  snapshotter: Snapshotter,
  {
    stages,
    limits,
  }: { readonly stages: Stages; readonly limits: { timeoutMs: number; signal: AbortSignal } },
): Promise<void> {
  await stages.run('images', async () => {
    const busybox = findProgram('busybox');
    if (busybox === undefined) throw new UsageError('busybox is not installed');
    const { imported } = await waitUntil(
      layout,
      'containerd took no images',
      () => ensureShippedImages(layout.run.containerdSocket, snapshotter, busybox),
      limits,
    );
    return imported.length === 0 ? 'all there' : `built and loaded ${imported.join(', ')}`;
  });
}

/** The kubelet starts afterwards, however it went. */
async function prewarm(
  context: CommandContext,
  layout: Layout,
  { snapshotter, stages, first }: NodeStart & { readonly stages: Stages },
): Promise<void> {
  try {
    await stages.run('prewarm', () => prewarmFirst(first, { ...context, layout, snapshotter }));
  } finally {
    await tellSupervisor(layout.run.supervisorSocket, 'release');
  }
}

/**
 * The node when it is Ready; rejects with its own words when it is not. What was said before the kubelet started
 * (`since`, milliseconds since the epoch) is from before the last `knarr down`.
 */
function readyOrReason(node: Node, since: number): Node {
  const ready = node.status.conditions?.find(({ type }) => type === 'Ready');
  const heartbeat = Date.parse(ready?.lastHeartbeatTime ?? '');
  if (!(heartbeat >= since)) throw new Error('the kubelet has not reported yet');
  if (ready?.status === 'True') return node;
  throw new Error(ready?.message ?? 'it has not reported yet');
}

async function mergeAdminContext({ layout, person }: FoundCluster, pki: Pki): Promise<void> {
  const client = pki.pairs['admin'];
  if (client === undefined) throw new Error('there is no admin certificate');
  await mergeIntoFile(
    layout.settings.kubeconfig,
    { name: contextName, server: layout.serverUrl, authority: pki.authority, client },
    person,
  );
}

function printResult(context: CommandContext, layout: Layout, stages: Stages, wasRunning: boolean): void {
  const { terminal } = context;
  const { settings } = layout;
  terminal.line();
  terminal.line(
    wasRunning
      ? terminal.colour('bold', 'Knarr was already running and is ready.')
      : terminal.colour('bold', `Ready in ${seconds(stages.totalMs)}.`),
  );
  terminal.line('Type next:  ./knarr kubectl get nodes    ./knarr status    ./knarr down');
  terminal.result({
    alreadyRunning: wasRunning,
    readyMs: Math.round(stages.totalMs),
    node: settings.nodeName,
    nodeIp: settings.nodeIp,
    server: layout.serverUrl,
    kubeconfig: settings.kubeconfig,
    context: contextName,
    logs: layout.logs.root,
    stages: stages.results,
  });
}
