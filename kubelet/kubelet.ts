/**
 * Puts the kubelet's parts together and runs them until it is told to stop. Containers outlive it: a kubelet that comes
 * back finds them in the runtime and goes on.
 */
import { setMaxListeners } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Registry } from 'prom-client';
import type { Node, Service } from '../api/generated/core-v1.js';
import { nodes, pods, services } from '../api/resources.js';
import type { ApiClient, EventRecorder, Informer, InformerFactory } from '../client/types.js';
import { isAborted } from '../client/is-aborted.js';
import { backoffDelayMs } from '../common/backoff.js';
import { sleep } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import { createAdmission } from './admission/admission.js';
import type { Admission } from './admission/admission.js';
import type { CgroupManager } from './containers/cgroups.js';
import type { KubeletConfiguration } from './config/kubelet-configuration.js';
import { prepareCgroups, resourcePolicyOf } from './containers/resource-policy.js';
import { UserNamespaces } from './containers/user-namespaces.js';
import type { ContainerRuntime, RuntimeVersion } from './cri/runtime.js';
import { ImageManager, parallelPulls } from './images/image-manager.js';
import { maxPodsOf, nodeAllocatable } from './node/node-resources.js';
import type { Measurer } from './eviction/measure.js';
import { createNodeCare } from './node-care.js';
import type { NodeCare } from './node-care.js';
import { shutdownPeriods } from './shutdown/plan-shutdown.js';
import { shutDownNode } from './shutdown/shut-down-node.js';
import { readMachineFacts } from './node/machine-facts.js';
import type { MachineFacts } from './node/machine-facts.js';
import { LogRotator } from './logs/log-rotator.js';
import { NodeAgent } from './node/node-agent.js';
import type { NetworkConfigOptions } from './node/network-config.js';
import { createKubeletMetrics } from './kubelet-metrics.js';
import type { KubeletMetrics } from './kubelet-metrics.js';
import { KnownServices } from './pods/known-services.js';
import { MirrorPods } from './pods/mirror-pods.js';
import { PodCheckpoints } from './pods/pod-checkpoints.js';
import { PodSources } from './pods/pod-sources.js';
import { ReferencedObjectCache } from './pods/referenced-object-cache.js';
import { createRuntimeHandlers } from './pods/runtime-class.js';
import { staticSources } from './pods/static-sources.js';
import { ProbeManager } from './probes/probe-manager.js';
import { Allocations } from './resize/allocations.js';
import { PodResizes } from './resize/pod-resizes.js';
import { createResizeMetrics } from './resize/resize-metrics.js';
import { readySandbox } from './runtime-state/pod-runtime.js';
import { RuntimeState } from './runtime-state/runtime-state.js';
import { startKubeletServer } from './server/kubelet-server.js';
import { PodLookup } from './server/pod-lookup.js';
import { TokenManager } from './service-accounts/token-manager.js';
import { createGate, offGate } from './startup/create-gate.js';
import type { KubeletGate, StartupMachine } from './startup/create-gate.js';
import type { StartupGate } from './startup/gate.js';
import { NodeReport } from './startup/node-report.js';
import { watchCalls } from './startup/runtime-calls.js';
import type { RuntimeCalls } from './startup/runtime-calls.js';
import { StatsCollector } from './stats/collect-stats.js';
import { StatusManager } from './status/status-manager.js';
import { readTerminationMessage } from './status/termination-message.js';
import { CreationLimit, creationsAtOnce } from './sync/creation-limit.js';
import type { PodServices } from './sync/pod-services.js';
import { PodWorkers } from './sync/pod-workers.js';
import type { Mounter } from './volumes/mounter.js';
import { createObjectLookup } from './volumes/object-lookup.js';
import { PodFolders } from './volumes/pod-folders.js';
import { volumePlugins } from './volumes/registry.js';
import { VolumeManager } from './volumes/volume-manager.js';
import { VolumeStats } from './volumes/volume-stats.js';

export interface KubeletSettings {
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly rootDir: string;
  readonly network: NetworkConfigOptions;
  /** PEM texts of the server's certificate and key, and of the authorities of clients. */
  readonly certificates: { readonly cert: string; readonly key: string; readonly clientCa: string };
  readonly configuration: KubeletConfiguration;
}

export interface KubeletParts {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly recorder: EventRecorder;
  readonly runtime: ContainerRuntime;
  readonly cgroups: CgroupManager;
  readonly mounter: Mounter;
  /** Another gate than that of the configuration: for tests. */
  readonly gate?: StartupGate;
  /** What the gate asks of the machine; the machine itself when absent. */
  readonly startup?: StartupMachine;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Registry;
  /** Asked when the kubelet is told to end; false when absent. */
  readonly isMachineGoingDown?: () => Promise<boolean>;
  /** How the node and its Pods are measured, and how often; the machine, every 10 seconds when absent. */
  readonly measurer?: Measurer;
  readonly evictionIntervalMs?: number;
}

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

interface AssemblyParts {
  readonly allocations: Allocations;
  readonly machine: MachineFacts;
  readonly version: RuntimeVersion;
  readonly knownServices: KnownServices;
  readonly mirrors: MirrorPods;
  readonly nodeInformer: Informer<Node>;
  readonly serviceInformer: Informer<Service>;
  readonly admit: Admission;
  readonly kubeletMetrics: KubeletMetrics;
  readonly calls: RuntimeCalls;
  readonly onStartupLook: () => void;
}

interface Assembled {
  readonly podServices: PodServices;
  readonly workers: PodWorkers;
  readonly startup: KubeletGate;
}

function assemble(
  settings: KubeletSettings,
  parts: KubeletParts,
  given: AssemblyParts,
  signal: AbortSignal,
): Assembled {
  const { machine, version, knownServices, mirrors, nodeInformer, admit, kubeletMetrics } = given;
  const { client, runtime, recorder, clock, log, cgroups, mounter } = parts;
  const { nodeName, nodeIp, rootDir, configuration } = settings;
  const folders = new PodFolders({ rootDir, podLogsDir: configuration.podLogsDir });
  const runtimeState = new RuntimeState({
    runtime,
    clock,
    log,
    readTerminationMessage: (status) => readTerminationMessage(folders, status),
    metrics: kubeletMetrics,
  });
  // Both call back into the workers, which are made of them.
  const link: { workers?: PodWorkers } = {};
  const objects = new ReferencedObjectCache({ client, clock, log }, (uids) => {
    link.workers?.pokeForObjects(uids);
  });
  const tokens = new TokenManager({
    client,
    clock,
    log,
    onDue: (uid) => {
      link.workers?.pokeForObjects([uid]);
    },
  });
  const images = new ImageManager({
    runtime,
    recorder,
    clock,
    signal,
    maxParallelPulls: parallelPulls(configuration),
    metrics: kubeletMetrics,
    secret: ({ metadata }, name) => objects.secrets.get(metadata.namespace, name, metadata.uid),
  });
  const volumes = new VolumeManager({
    plugins: volumePlugins,
    mounter,
    folders,
    clock,
    objects: createObjectLookup({
      client,
      objects,
      tokens,
      images,
      runtime: version,
      node: () => nodeInformer.get(nodeName),
      signal,
    }),
  });
  const podClient = client.resource(pods);
  const statuses = new StatusManager({
    pods: podClient,
    mirrorUid: (pod) => mirrors.uidOf(pod),
    clock,
    log,
    signal,
  });
  const startup =
    parts.gate === undefined
      ? createGate({
          ...parts,
          ...{ nodeName, configuration, volumes, folders, signal, calls: given.calls },
          machine: parts.startup,
          // After a reboot all were ready once: what was not looked at since is not.
          pods: () =>
            (link.workers?.pods() ?? []).map((pod) => ({
              ...pod,
              status: statuses.isKnown(pod) ? statuses.current(pod) : {},
            })),
          service: (namespace, name) => given.serviceInformer.get(`${namespace}/${name}`),
          onLook: given.onStartupLook,
        })
      : offGate(nodeName, clock, parts.gate);
  const policy = resourcePolicyOf(configuration, machine, cgroups);
  const allocatable = nodeAllocatable({ machine, configuration });
  const probes = new ProbeManager({
    runtime,
    clock,
    recorder,
    metrics: kubeletMetrics,
    mercy: startup.mercy,
    hostIp: nodeIp,
    onChange: (uid) => {
      link.workers?.poke(uid);
    },
  });
  const podServices: PodServices = {
    node: {
      name: nodeName,
      ip: nodeIp,
      resources: policy,
      allocatable,
      runtime: version,
      security: {
        seccompFolder: join(settings.rootDir, 'seccomp'),
        seccompDefault: configuration.seccompDefault,
      },
    },
    runtime,
    runtimeState,
    images,
    volumes,
    folders,
    mounter,
    cgroups,
    admit,
    userNamespaces: new UserNamespaces(folders, maxPodsOf(configuration, machine.cpuCount)),
    objects,
    tokens,
    services: knownServices,
    runtimeHandlerOf: createRuntimeHandlers(client),
    dns: { servers: configuration.clusterDNS, domain: configuration.clusterDomain },
    probes,
    metrics: kubeletMetrics,
    resizes: new PodResizes({
      allocations: given.allocations,
      allocatable,
      policy,
      cgroups,
      runtime,
      recorder,
      metrics: createResizeMetrics(parts.metrics),
      clock,
      log,
    }),
    statuses,
    checkpoints: new PodCheckpoints({ folder: join(rootDir, 'pod-checkpoints'), clock, log }),
    gate: startup.gate,
    creationLimit: new CreationLimit(creationsAtOnce(machine.cpuCount)),
    recorder,
    pods: podClient,
    clock,
    random: Math.random,
    log,
  };
  const workers = new PodWorkers(podServices, signal);
  link.workers = workers;
  return { podServices, workers, startup };
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
