/** Carries what the informers see into the snapshot and the queue. */
import { isDeepStrictEqual } from 'node:util';
import { canonicalJson } from '../api/label-hash.js';
import { isPodTerminal } from '../api/pod-helpers.js';
import type { Node, Pod } from '../api/generated/core-v1.js';
import type { Informer } from '../client/types.js';
import { toPodInfo } from './framework/pod-info.js';
import { startupFacts, startupStage } from './framework/startup-load.js';
import type { SchedulingQueue } from './queue.js';
import type { ClusterSnapshot } from './snapshot.js';

export interface WatchClusterOptions {
  readonly pods: Informer<Pod>;
  readonly nodes: Informer<Node>;
  readonly snapshot: ClusterSnapshot;
  readonly queue: SchedulingQueue;
  /** Pods with this `spec.schedulerName` are ours. */
  readonly schedulerName: string;
}

/** What a Pod is to the scheduler: it takes room on a node, it wants a node from us, or neither. */
export type PodRole = 'assigned' | 'waiting' | 'none';

export function roleOf(pod: Pod | undefined, schedulerName: string): PodRole {
  if (pod === undefined || isPodTerminal(pod)) return 'none';
  if (pod.spec.nodeName !== undefined && pod.spec.nodeName !== '') return 'assigned';
  if (pod.metadata.deletionTimestamp !== undefined) return 'none';
  return (pod.spec.schedulerName ?? 'default-scheduler') === schedulerName ? 'waiting' : 'none';
}

/** Starts to listen; the returned function stops it. Objects that are there already are delivered before it returns. */
export function watchCluster(options: WatchClusterOptions): () => void {
  const stopNodes = watchNodes(options);
  const stopPods = options.pods.addHandler({
    onAdd: (pod) => {
      onPodChange(options, undefined, pod);
    },
    onUpdate: (before, after) => {
      onPodChange(options, before, after);
    },
    onDelete: (pod) => {
      onPodChange(options, pod, undefined);
    },
  });
  return () => {
    stopNodes();
    stopPods();
  };
}

function onPodChange(options: WatchClusterOptions, before: Pod | undefined, after: Pod | undefined): void {
  const was = roleOf(before, options.schedulerName);
  const now = roleOf(after, options.schedulerName);
  const uid = (after ?? before)?.metadata.uid;
  if (uid === undefined) return;
  if (was === 'waiting' && now !== 'waiting') options.queue.remove(uid);
  if (after !== undefined && now === 'assigned')
    onAssigned(options, was === 'assigned' ? before : undefined, after);
  else if (after !== undefined && now === 'waiting')
    onWaiting(options, was === 'waiting' ? before : undefined, after);
  else if (before !== undefined && (was === 'assigned' || options.snapshot.isAssumed(uid))) {
    options.snapshot.removePod(uid);
    options.queue.onEvent({ type: 'pod-gone', pod: before });
  }
}

function onAssigned({ snapshot, queue }: WatchClusterOptions, before: Pod | undefined, pod: Pod): void {
  const info = toPodInfo(pod);
  snapshot.putPod(info, pod.spec.nodeName ?? '');
  if (before === undefined) queue.onEvent({ type: 'pod-assigned', pod });
  // A resize gives its room back when the kubelet has done it, which the status alone tells.
  else if (differs(before, pod) || !isDeepStrictEqual(toPodInfo(before).requests, info.requests))
    queue.onEvent({ type: 'pod-updated', before, pod });
  else if (startupStage(before) !== 'none' && startupStage(pod) === 'none')
    queue.onEvent({ type: 'pod-started', pod });
}

function onWaiting({ queue }: WatchClusterOptions, before: Pod | undefined, pod: Pod): void {
  if (before === undefined) queue.add(toPodInfo(pod));
  else queue.update(toPodInfo(pod), differs(before, pod));
}

/** Something changed that a plugin may look at; conditions, which the scheduler writes itself, are not among it. */
function differs(before: Pod, after: Pod): boolean {
  return (
    canonicalJson(before.spec) !== canonicalJson(after.spec) ||
    canonicalJson(before.metadata.labels) !== canonicalJson(after.metadata.labels)
  );
}

function watchNodes({ nodes, snapshot, queue }: WatchClusterOptions): () => void {
  return nodes.addHandler({
    onAdd: (node) => {
      snapshot.putNode(node);
      queue.onEvent({ type: 'node-added', node });
    },
    onUpdate: (before, node) => {
      snapshot.putNode(node);
      if (schedulingFacts(before) !== schedulingFacts(node))
        queue.onEvent({ type: 'node-updated', before, node });
    },
    onDelete: (node) => {
      snapshot.removeNode(node.metadata.name);
      queue.onEvent({ type: 'node-removed', node });
    },
  });
}

/** What of a node decides who may run there: everything else, heartbeats above all, wakes nobody. */
function schedulingFacts(node: Node): string {
  const { unschedulable, taints } = node.spec;
  return canonicalJson([
    node.metadata.labels ?? {},
    unschedulable ?? false,
    taints ?? [],
    node.status.allocatable ?? {},
    startupFacts(node),
  ]);
}
