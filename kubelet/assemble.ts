/** Puts together what looks after Pods: the workers, and the parts of the kubelet that they work with. */
import { join } from 'node:path';
import type { Node, Service } from '../api/generated/core-v1.js';
import { pods } from '../api/resources.js';
import type { Informer } from '../client/types.js';
import type { Admission } from './admission/admission.js';
import { resourcePolicyOf } from './containers/resource-policy.js';
import { UserNamespaces } from './containers/user-namespaces.js';
import type { RuntimeVersion } from './cri/runtime.js';
import { ImageManager, parallelPulls } from './images/image-manager.js';
import { maxPodsOf, nodeAllocatable } from './node/node-resources.js';
import type { MachineFacts } from './node/machine-facts.js';
import type { KubeletMetrics } from './kubelet-metrics.js';
import type { KnownServices } from './pods/known-services.js';
import type { MirrorPods } from './pods/mirror-pods.js';
import { PodCheckpoints } from './pods/pod-checkpoints.js';
import { ReferencedObjectCache } from './pods/referenced-object-cache.js';
import { createRuntimeHandlers } from './pods/runtime-class.js';
import { ProbeManager } from './probes/probe-manager.js';
import type { Allocations } from './resize/allocations.js';
import { PodResizes } from './resize/pod-resizes.js';
import { createResizeMetrics } from './resize/resize-metrics.js';
import { RuntimeState } from './runtime-state/runtime-state.js';
import { TokenManager } from './service-accounts/token-manager.js';
import { createGate, offGate } from './startup/create-gate.js';
import type { KubeletGate } from './startup/create-gate.js';
import type { RuntimeCalls } from './startup/runtime-calls.js';
import { StatusManager } from './status/status-manager.js';
import { readTerminationMessage } from './status/termination-message.js';
import { CreationLimit, creationsAtOnce } from './sync/creation-limit.js';
import type { PodServices } from './sync/pod-services.js';
import { PodWorkers } from './sync/pod-workers.js';
import { createObjectLookup } from './volumes/object-lookup.js';
import { PodFolders } from './volumes/pod-folders.js';
import { volumePlugins } from './volumes/registry.js';
import { VolumeManager } from './volumes/volume-manager.js';
import type { KubeletParts, KubeletSettings } from './kubelet-parts.js';

/** What is made before, and what the parts are told. */
export interface AssemblyParts {
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

export interface Assembled {
  readonly podServices: PodServices;
  readonly workers: PodWorkers;
  readonly startup: KubeletGate;
}

/** Makes the workers and all that they work with. Nothing runs yet. */
export function assemble(
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
