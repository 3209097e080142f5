/**
 * StartupIO: does not flood a node whose disks are busy starting Pods (see docs/startup.md).
 *
 * - Score: the less saturated its devices and the shorter its queue, the better the node.
 * - Filter: a queue that never runs empty is as good as a longer one, and Pods that are not bound yet can still go to
 *   another node. So a saturated node gets only so many Pods ahead, {@link longestQueue}. That also holds after a reboot,
 *   when all its Pods start anew and stand in its queue before the first disk is measured.
 *
 * Pods that must not wait are let through: critical ones, those of a DaemonSet (no other node will do), and those that
 * opted out. Kubernetes has no such plugin; nodes that do not tell of their starts are left alone.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import { controllerOf } from '../../api/objects.js';
import { isCriticalPriority } from '../../api/pod-helpers.js';
import { parseStartupHints } from '../../api/startup-hints.js';
import { maxNodeScore } from '../framework/extension-points.js';
import type { PluginFactory } from '../framework/extension-points.js';
import type { NodeInfo } from '../framework/node-info.js';
import { startupLoad } from '../framework/startup-load.js';
import type { StartupLoad } from '../framework/startup-load.js';
import { skip, success, unresolvable } from '../framework/verdict.js';

export const startupIO: PluginFactory = () => ({
  name: 'StartupIO',
  interests: [
    { type: 'node-added' },
    { type: 'node-updated' },
    { type: 'pod-started' },
    { type: 'pod-gone' },
    { type: 'pod-updated' },
  ],
  preFilter: (_state, { pod }, nodes) =>
    mustNotWait(pod) || nodes.every((node) => startupLoad(node) === undefined) ? skip : success,
  filter: (_state, _pod, node) => {
    const load = startupLoad(node);
    return load === undefined || hasRoom(load) ? success : unresolvable(refusal);
  },
  preScore: (_state, _pod, nodes) =>
    nodes.every((node) => startupLoad(node) === undefined) ? skip : success,
  score: (_state, _pod, node) => calmness(node),
});

const refusal = 'node(s) had enough Pods waiting to start on a saturated disk';

/** A small node must not lie idle until the scheduler has seen its last start end: four rounds, and never under this. */
const leastQueue = 16;
const roundsAhead = 4;

export function longestQueue(slots: number): number {
  return Math.max(leastQueue, roundsAhead * slots);
}

/**
 * While the node is saturated, Pods count that were bound and of which it has said nothing yet: its word lags. While it is
 * not, only those count that it has told to wait, so that a fast disk gets a burst at once.
 */
function hasRoom({ isSaturated, slots, queuedPods, unseenPods }: StartupLoad): boolean {
  return queuedPods + (isSaturated ? unseenPods : 0) < longestQueue(slots);
}

function mustNotWait(pod: Pod): boolean {
  return (
    isCriticalPriority(pod.spec.priority) ||
    controllerOf(pod)?.kind === 'DaemonSet' ||
    parseStartupHints(pod.metadata.annotations).hints.skipsAdmission
  );
}

/** Half of the points for devices that are idle, half for a queue that is empty. A node that says nothing is calm. */
function calmness(node: NodeInfo): number {
  const load = startupLoad(node);
  if (load === undefined) return maxNodeScore;
  const waiting = load.queuedPods + load.unseenPods;
  const shares = 1 - load.saturation + load.slots / (load.slots + waiting);
  return Math.floor((maxNodeScore * shares) / 2);
}
