/**
 * Puts the kubelet's parts together and runs them until it is told to stop. Containers outlive it: a kubelet that comes
 * back finds them in the runtime and goes on.
 */
import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { nodes, pods, services } from '../api/resources.js';
import { isAborted } from '../client/is-aborted.js';
import { backoffDelayMs } from '../common/backoff.js';
import { sleep } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { createAdmission } from './admission/admission.js';
import { prepareCgroups } from './containers/resource-policy.js';
import type { RuntimeVersion } from './cri/runtime.js';
import { createNodeCare } from './node-care.js';
import type { NodeCare } from './node-care.js';
import { shutdownPeriods } from './shutdown/plan-shutdown.js';
import { shutDownNode } from './shutdown/shut-down-node.js';
import { readMachineFacts } from './node/machine-facts.js';
import { LogRotator } from './logs/log-rotator.js';
import { NodeAgent } from './node/node-agent.js';
import { createKubeletMetrics } from './kubelet-metrics.js';
import { KnownServices } from './pods/known-services.js';
import { MirrorPods } from './pods/mirror-pods.js';
import { PodSources } from './pods/pod-sources.js';
import { staticSources } from './pods/static-sources.js';
import { Allocations } from './resize/allocations.js';
import { readySandbox } from './runtime-state/pod-runtime.js';
import type { RuntimeState } from './runtime-state/runtime-state.js';
import { startKubeletServer } from './server/kubelet-server.js';
import { PodLookup } from './server/pod-lookup.js';
import { NodeReport } from './startup/node-report.js';
import { watchCalls } from './startup/runtime-calls.js';
import { StatsCollector } from './stats/collect-stats.js';
import type { PodWorkers } from './sync/pod-workers.js';
import { VolumeStats } from './volumes/volume-stats.js';
import { assemble } from './assemble.js';
import type { KubeletParts, KubeletSettings } from './kubelet-parts.js';

/** How often what was left behind is looked for, once the Pods are known. */
const housekeepingMs = 120_000;

/** Runs until the signal aborts; resolves when everything has ended. `onServing` gets the port of the server. */
export async function runKubelet(
  settings: KubeletSettings,
  given: KubeletParts,
  signal: AbortSignal,
  onServing?: (port: number) => void,
): Promise<void> {
  const kubeletMetrics = createKubeletMetrics(given.metrics, settings.nodeName);
  const calls = watchCalls(given.runtime, given.clock);
  const parts = { ...given, runtime: kubeletMetrics.observe(calls.runtime) };
  const { client, informers, runtime, clock, log } = parts;
  await mkdir(settings.rootDir, { recursive: true });
  const machine = await readMachineFacts(settings.rootDir);
  const version = await waitForRuntime(parts, signal);
  if (version === undefined) return;
  const stop = new AbortController();
  const running = stop.signal;
  // Every Pod's worker listens: many of them are no leak.
  setMaxListeners(0, running);
  const podInformer = informers.informer(pods, { fieldSelector: `spec.nodeName=${settings.nodeName}` });
  const nodeInformer = informers.informer(nodes, { fieldSelector: `metadata.name=${settings.nodeName}` });
  const serviceInformer = informers.informer(services);
  const knownServices = new KnownServices({
    informer: serviceInformer,
    path: join(settings.rootDir, 'known-services.json'),
    clock,
    log,
  });
  const mirrors = new MirrorPods({
    pods: client.resource(pods),
    node: () => nodeInformer.get(settings.nodeName),
    onMirror: (pod, mirror) => {
      podServices.statuses.observe(mirror, pod.metadata.uid);
    },
    clock,
    log,
  });
  // Who is let in depends on what is made after the workers.
  const state: { care?: NodeCare; nodeReport?: NodeReport; shuttingDown: boolean } = { shuttingDown: false };
  const admit = createAdmission({
    ...settings,
    node: nodeInformer,
    machine,
    features: await runtime.features(signal),
    pressures: () => state.care?.eviction.pressures() ?? [],
    shuttingDown: () => state.shuttingDown,
  });
  const allocations = new Allocations({ folder: join(settings.rootDir, 'allocated-sizes'), log });
  const assembled = assemble(
    settings,
    parts,
    {
      ...{ machine, version, knownServices, mirrors, nodeInformer, serviceInformer, admit, kubeletMetrics },
      calls,
      allocations,
      onStartupLook: () => {
        state.nodeReport?.changed();
      },
    },
    running,
  );
  const { podServices, workers, startup } = assembled;
  const server = await startKubeletServer({
    ...settings.certificates,
    configuration: settings.configuration,
    lookup: new PodLookup({ pods: () => workers.pods(), runtimeState: podServices.runtimeState }),
    runtime,
    stats: new StatsCollector({
      runtime,
      cgroups: parts.cgroups,
      folders: podServices.folders,
      pods: () => workers.pods(),
      volumes: new VolumeStats({ volumes: podServices.volumes, mounter: parts.mounter, clock }),
      rootDir: settings.rootDir,
      nodeName: settings.nodeName,
      cpuCount: machine.cpuCount,
      memoryBytes: machine.memoryBytes,
      clock,
    }),
    kubeletMetrics,
    startup: (withHistory) => startup.report(withHistory),
    metrics: parts.metrics,
    log,
  });
  onServing?.(server.port);
  const agent = new NodeAgent({
    client,
    node: nodeInformer,
    runtime,
    version,
    machine,
    nodeName: settings.nodeName,
    nodeIp: settings.nodeIp,
    port: server.port,
    configuration: settings.configuration,
    network: settings.network,
    pressures: () => care.eviction.pressures(),
    startup: () => startup.report(false),
    shuttingDown: () => state.shuttingDown,
    clock,
    log,
  });
  const care = createNodeCare({
    kubeletMetrics,
    ...settings,
    ...parts,
    machine,
    node: nodeInformer,
    services: podServices,
    workers,
    onPressure: () => {
      agent.lookAgain();
    },
  });
  state.care = care;
  const nodeReport = new NodeReport({
    ...settings,
    ...parts,
    node: () => nodeInformer.get(settings.nodeName),
    devices: startup.engine === undefined ? undefined : () => startup.report(false).devices,
    onChange: () => {
      agent.lookAgain();
    },
  });
  const shutDown = async (): Promise<void> => {
    const periods = shutdownPeriods(settings.configuration);
    if (periods.length === 0 || (await parts.isMachineGoingDown?.()) !== true) return;
    state.shuttingDown = true;
    agent.lookAgain();
    await shutDownNode({
      periods,
      activePods: () => workers.activePods(),
      endPod: (uid, order) => workers.end(uid, order),
      clock,
      log,
    });
  };
  state.nodeReport = nodeReport;
  const left = leaveAfter(signal, shutDown, stop, log);
  await prepareCgroups(settings.configuration, machine, parts.cgroups);
  await allocations.load();
  // What runs already is known before the first Pod is looked at, or it would be started twice.
  await relistUntilDone(podServices.runtimeState, parts, running);
  startup.engine?.expect(podServices.runtimeState.knownPods().map(({ uid }) => uid));
  const sources = new PodSources({
    informer: podInformer,
    sink: workers,
    mirrors,
    checkpoints: podServices.checkpoints,
    staticSources: staticSources(settings.configuration, { nodeName: settings.nodeName, clock, log }),
    isAlive: async ({ metadata: { uid, namespace, name } }) =>
      readySandbox(await podServices.runtimeState.inspect({ uid, namespace, name }, running)) !== undefined,
    clock,
    log,
  });
  const tasks = [
    agent.run(running),
    podServices.runtimeState.run(running),
    new LogRotator({ runtime, configuration: settings.configuration, clock, log }).run(running),
    mirrors.run(running),
    knownServices.run(running),
    followSources(sources, workers, parts, running),
    care.run(running),
    nodeReport.run(running),
    ...(startup.engine === undefined ? [] : [startup.engine.run(running)]),
  ];
  try {
    await Promise.all(tasks);
  } finally {
    stop.abort();
    left();
    await Promise.allSettled(tasks);
    await workers.stopped();
    await podServices.checkpoints.flush();
    podServices.probes.stop();
    await podServices.objects.stop();
    podServices.tokens.stop();
    await podServices.statuses.idle();
    await server.close();
  }
}

/** When the signal aborts, first what must be done while all still runs, then the end. The answer ends the waiting. */
function leaveAfter(
  signal: AbortSignal,
  before: () => Promise<void>,
  stop: AbortController,
  log: Logger,
): () => void {
  const leave = (): void => {
    before()
      .catch((error: unknown) => {
        log.error('the node could not be shut down in order', { err: error });
      })
      .finally(() => {
        stop.abort();
      });
  };
  if (signal.aborted) leave();
  else signal.addEventListener('abort', leave, { once: true });
  return () => {
    signal.removeEventListener('abort', leave);
  };
}

/** Undefined when the signal aborted first. */
async function waitForRuntime(
  { runtime, clock, log }: KubeletParts,
  signal: AbortSignal,
): Promise<RuntimeVersion | undefined> {
  for (let attempt = 0; !isAborted(signal); attempt++) {
    try {
      return await runtime.version(signal);
    } catch (error) {
      if (attempt === 5)
        log.info('waiting for the container runtime', {
          why: error instanceof Error ? error.message : String(error),
        });
      await sleep(clock, backoffDelayMs(attempt, { initialMs: 20, maxMs: 1000 }), signal);
    }
  }
  return undefined;
}

async function relistUntilDone(
  runtimeState: RuntimeState,
  { clock, log }: KubeletParts,
  signal: AbortSignal,
): Promise<void> {
  for (let attempt = 0; !isAborted(signal); attempt++) {
    try {
      await runtimeState.relist(signal);
      return;
    } catch (error) {
      if (attempt === 3) log.warn('the runtime could not be listed, will try again', { err: error });
      await sleep(clock, backoffDelayMs(attempt, { initialMs: 50, maxMs: 2000 }), signal);
    }
  }
}

/** Follows the Pods, and once all are known looks for what was left behind, from time to time. */
async function followSources(
  sources: PodSources,
  workers: PodWorkers,
  { clock, log }: KubeletParts,
  signal: AbortSignal,
): Promise<void> {
  let complete: () => void = () => undefined;
  const whenComplete = new Promise<void>((resolve) => {
    complete = resolve;
  });
  const following = sources.run(signal, complete).finally(complete);
  await whenComplete;
  while (!isAborted(signal)) {
    try {
      await workers.cleanUpOrphans();
    } catch (error) {
      if (!isAborted(signal)) log.warn('leftovers could not be cleaned up, will try again', { err: error });
    }
    await sleep(clock, housekeepingMs, signal);
  }
  await following;
}
