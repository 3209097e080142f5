/** A Node's status from what the machine and the runtime say. Pure. */
import type { ContainerImage, NodeCondition, NodeStatus } from '../../api/generated/core-v1.js';
import { findCondition } from '../../api/pod-helpers.js';
import { startupSaturatedCondition } from '../../api/startup-report.js';
import type { StartupReport } from '../../api/startup-report.js';
import type { RuntimeCondition, RuntimeFeatures, RuntimeImage, RuntimeVersion } from '../cri/runtime.js';
import type { Pressure } from '../eviction/signals.js';
import type { MachineFacts } from './machine-facts.js';
import { nodeAllocatable, nodeCapacity } from './node-resources.js';
import type { CapacityInput } from './node-resources.js';

export interface NodeStatusInput extends CapacityInput {
  readonly machine: MachineFacts;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly port: number;
  /** Those that hold now. */
  readonly pressures: readonly Pressure[];
  readonly startup: Pick<StartupReport, 'mode' | 'devices'>;
  readonly version: RuntimeVersion;
  /** Why containers cannot be run; undefined: the node is ready. */
  readonly problem: string | undefined;
  readonly images: readonly RuntimeImage[];
  /** The status names so many images at most, the largest; -1: all. */
  readonly maxImages: number;
  /** Undefined until the runtime was asked. */
  readonly features: RuntimeFeatures | undefined;
  readonly previous: readonly NodeCondition[] | undefined;
  readonly now: string;
}

export function computeNodeStatus(input: NodeStatusInput): NodeStatus {
  return {
    capacity: nodeCapacity(input),
    allocatable: nodeAllocatable(input),
    conditions: computeConditions(input),
    addresses: [
      { type: 'InternalIP', address: input.nodeIp },
      { type: 'Hostname', address: input.nodeName },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: input.port } },
    nodeInfo: {
      ...input.machine.info,
      containerRuntimeVersion: `${input.version.runtimeName}://${input.version.runtimeVersion}`,
    },
    images: describeImages(input.images, input.maxImages),
    ...(input.features === undefined ? {} : describeFeatures(input.features)),
  };
}

function describeFeatures(features: RuntimeFeatures): Pick<NodeStatus, 'features' | 'runtimeHandlers'> {
  const handlers = features.handlers.map(({ name, userNamespaces, recursiveReadOnlyMounts }) => ({
    name,
    features: { userNamespaces, recursiveReadOnlyMounts },
  }));
  return {
    features: { supplementalGroupsPolicy: features.supplementalGroupsPolicy },
    ...(handlers.length === 0 ? {} : { runtimeHandlers: handlers }),
  };
}

function describeImages(images: readonly RuntimeImage[], maxImages: number): ContainerImage[] {
  return [...images]
    .sort((a, b) => b.sizeBytes - a.sizeBytes || (a.id < b.id ? -1 : 1))
    .slice(0, maxImages < 0 ? undefined : maxImages)
    .map(({ repoDigests, repoTags, sizeBytes }) => ({
      names: [...repoDigests, ...repoTags].slice(0, 5),
      sizeBytes,
    }));
}

function computeConditions(input: NodeStatusInput): NodeCondition[] {
  const isShort = (pressure: Pressure): boolean => input.pressures.includes(pressure);
  const { problem } = input;
  const verdicts: Omit<NodeCondition, 'lastHeartbeatTime' | 'lastTransitionTime'>[] = [
    isShort('MemoryPressure')
      ? truth('MemoryPressure', 'KubeletHasInsufficientMemory', 'kubelet has insufficient memory available')
      : falsehood('MemoryPressure', 'KubeletHasSufficientMemory', 'kubelet has sufficient memory available'),
    isShort('DiskPressure')
      ? truth('DiskPressure', 'KubeletHasDiskPressure', 'kubelet has disk pressure')
      : falsehood('DiskPressure', 'KubeletHasNoDiskPressure', 'kubelet has no disk pressure'),
    isShort('PIDPressure')
      ? truth('PIDPressure', 'KubeletHasInsufficientPID', 'kubelet has insufficient PID available')
      : falsehood('PIDPressure', 'KubeletHasSufficientPID', 'kubelet has sufficient PID available'),
    startupVerdict(input.startup),
    problem === undefined
      ? truth('Ready', 'KubeletReady', 'kubelet is posting ready status')
      : falsehood('Ready', 'KubeletNotReady', problem),
  ];
  return verdicts.map((verdict) => {
    const before = findCondition(input.previous, verdict.type);
    const same = before?.status === verdict.status && before.lastTransitionTime !== undefined;
    return {
      ...verdict,
      lastHeartbeatTime: input.now,
      lastTransitionTime: same ? (before.lastTransitionTime ?? input.now) : input.now,
    };
  });
}

function startupVerdict({ mode, devices }: NodeStatusInput['startup']): ReturnType<typeof truth> {
  if (mode === 'Off')
    return falsehood(startupSaturatedCondition, 'StartupGateIsOff', 'starts of pods are not held back');
  const saturated = devices.filter(({ isSaturated }) => isSaturated).map(({ about }) => about);
  return saturated.length === 0
    ? falsehood(startupSaturatedCondition, 'StartupHasRoom', 'pods that start do not saturate a device')
    : truth(
        startupSaturatedCondition,
        'StartupSaturatesDevice',
        `pods that start saturate ${saturated.join(', ')}`,
      );
}

function truth(type: string, reason: string, message: string): NodeCondition {
  return { type, status: 'True', reason, message };
}

function falsehood(type: string, reason: string, message: string): NodeCondition {
  return { type, status: 'False', reason, message };
}

/** What the runtime reports, or why it cannot. */
export type RuntimeReport = readonly RuntimeCondition[] | { readonly unreachable: string };

/** Undefined when containers can be run. */
export function problemOf(runtime: RuntimeReport): string | undefined {
  if ('unreachable' in runtime) return `container runtime is down: ${runtime.unreachable}`;
  const failing: string[] = [];
  for (const type of ['RuntimeReady', 'NetworkReady']) {
    const condition = runtime.find((one) => one.type === type);
    if (condition?.status === true) continue;
    const words =
      type === 'RuntimeReady' ? 'container runtime not ready' : 'container runtime network not ready';
    failing.push(
      `${words}: ${type}=false reason:${condition?.reason ?? 'Unknown'} message:${condition?.message ?? ''}`,
    );
  }
  return failing.length === 0 ? undefined : failing.join(', ');
}

/** A restart of the runtime takes less than this. */
const toleratedSilenceMs = 30_000;

/**
 * Whether a ready Node stays so although its runtime does not answer: containers run on without it, so a restart must
 * not take them out of every Service.
 *
 * @param silentMs for how long the runtime has not answered; undefined when it answers
 */
export function isBriefSilence(wasReady: boolean, silentMs: number | undefined): boolean {
  return wasReady && silentMs !== undefined && silentMs < toleratedSilenceMs;
}
