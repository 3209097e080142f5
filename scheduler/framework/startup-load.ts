/**
 * How busy a node is with starting Pods: what its kubelet says of its devices (in an annotation that lags by some
 * seconds), and what the scheduler itself sees of the Pods that it has bound there. Pure.
 */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import { findCondition, isPodReady, isPodTerminal, podCondition } from '../../api/pod-helpers.js';
import { readDevicesAnnotation, StartupReportError } from '../../api/read-startup-report.js';
import { parseStartupHints } from '../../api/startup-hints.js';
import { startupAdmittedCondition, startupSaturatedCondition } from '../../api/startup-report.js';
import type { DeviceSummary, WaitingReason } from '../../api/startup-report.js';
import type { NodeInfo } from './node-info.js';

export interface StartupLoad {
  /** The node says that more starts would only take longer. */
  readonly isSaturated: boolean;
  /** Of its worst device, 0 to 1. */
  readonly saturation: number;
  /** How many Pods it starts at once, on its widest device. */
  readonly slots: number;
  /** Pods that its kubelet has told to wait for a slot. */
  readonly queuedPods: number;
  /** Pods that were bound and of which the kubelet has said nothing yet. */
  readonly unseenPods: number;
}

/** Where a Pod stands on its way into a slot; `none` also for one that is through, or that takes none. */
export type StartupStage = 'unseen' | 'queued' | 'none';

/**
 * A Pod that waits for something else to be ready is not in the queue: it could wait for one that is yet to be bound to
 * this very node.
 */
export function startupStage(pod: Pod): StartupStage {
  if (isPodTerminal(pod) || pod.metadata.deletionTimestamp !== undefined) return 'none';
  const admitted = podCondition(pod, startupAdmittedCondition);
  if (admitted !== undefined) {
    const isQueued = admitted.status === 'False' && admitted.reason === queuedReason;
    return isQueued ? 'queued' : 'none';
  }
  return isPodReady(pod) || parseStartupHints(pod.metadata.annotations).hints.skipsAdmission
    ? 'none'
    : 'unseen';
}

const queuedReason: WaitingReason = 'WaitingForSlot';

/** By the node's view, which is made anew with each change: a cycle asks the same for every Pod. */
const known = new WeakMap<NodeInfo, { readonly load: StartupLoad | undefined }>();

/** Undefined for a node that does not tell of its starts: another kubelet, or one that lets everybody start at once. */
export function startupLoad(info: NodeInfo): StartupLoad | undefined {
  let found = known.get(info);
  if (found === undefined) {
    found = { load: computeLoad(info) };
    known.set(info, found);
  }
  return found.load;
}

function computeLoad({ node, pods }: NodeInfo): StartupLoad | undefined {
  const devices = devicesOf(node);
  if (devices === undefined || devices.length === 0) return undefined;
  const stages = pods.map(({ pod }) => startupStage(pod));
  return {
    isSaturated: saysSaturated(node),
    saturation: Math.min(1, Math.max(0, ...devices.map(({ saturation }) => saturation))),
    slots: Math.max(1, ...devices.map(({ limit }) => limit)),
    queuedPods: stages.filter((stage) => stage === 'queued').length,
    unseenPods: stages.filter((stage) => stage === 'unseen').length,
  };
}

/** What of a node's word on its starts decides who may be bound to it; the rest changes with every heartbeat. */
export function startupFacts(node: Node): unknown {
  return [saysSaturated(node), (devicesOf(node) ?? []).map(({ key, limit }) => [key, limit])];
}

function saysSaturated(node: Node): boolean {
  return findCondition(node.status.conditions, startupSaturatedCondition)?.status === 'True';
}

function devicesOf(node: Node): readonly DeviceSummary[] | undefined {
  try {
    return readDevicesAnnotation(node.metadata.annotations);
  } catch (error) {
    // Anybody may write annotations: one that cannot be read must not stop the scheduling of the whole cluster.
    if (error instanceof StartupReportError) return undefined;
    throw error;
  }
}
