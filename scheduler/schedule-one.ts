/** One Pod, one snapshot, one decision. Pure but for the plugins' notes: no I/O, no clock, randomness is given. */
import { CycleState } from './framework/cycle-state.js';
import type { Rejection } from './framework/extension-points.js';
import type { Framework, NarrowedNodes } from './framework/framework.js';
import type { NodeInfo } from './framework/node-info.js';
import type { PodInfo } from './framework/pod-info.js';

export type Decision =
  | {
      readonly kind: 'placed';
      readonly nodeName: string;
      /** To be handed on to Reserve and the extension points after it. */
      readonly state: CycleState;
      readonly evaluatedNodes: number;
      readonly feasibleNodes: number;
    }
  | {
      readonly kind: 'unschedulable';
      /** As Kubernetes words it: `0/3 nodes are available: 1 Insufficient cpu, 2 Too many pods.` */
      readonly message: string;
      readonly rejectedBy: ReadonlySet<string>;
      readonly nominatedNodeName?: string;
    };

/** Throws PluginError when a plugin breaks. `random` yields numbers in [0, 1) and decides between equal nodes. */
export function scheduleOne(
  framework: Framework,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  random: () => number,
): Decision {
  if (nodes.length === 0) {
    return { kind: 'unschedulable', message: 'no nodes available to schedule pods', rejectedBy: new Set() };
  }
  const state = new CycleState();
  const narrowed = framework.preFilter(state, pod, nodes);
  if (narrowed.kind === 'unschedulable') {
    const message = `0/${String(nodes.length)} nodes are available: ${narrowed.reasons.join(', ')}.`;
    return { kind: 'unschedulable', message, rejectedBy: new Set([narrowed.plugin]) };
  }
  const { feasible, rejections } = filterNodes(framework, state, pod, nodes, narrowed);
  if (feasible.length === 0) return giveUp(framework, state, pod, nodes, rejections);
  return {
    kind: 'placed',
    nodeName: selectNode(framework, state, pod, feasible, random),
    state,
    evaluatedNodes: nodes.length,
    feasibleNodes: feasible.length,
  };
}

function filterNodes(
  framework: Framework,
  state: CycleState,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  { onlyNodes, narrowedBy }: NarrowedNodes,
): { readonly feasible: readonly NodeInfo[]; readonly rejections: ReadonlyMap<string, Rejection> } {
  const feasible: NodeInfo[] = [];
  const rejections = new Map<string, Rejection>();
  const leftOut: Rejection = {
    kind: 'unschedulable',
    plugin: narrowedBy[0] ?? '',
    reasons: [`node(s) didn't satisfy plugin(s) [${narrowedBy.join(' ')}]`],
    resolvable: false,
  };
  for (const node of nodes) {
    const considered = onlyNodes === undefined || onlyNodes.has(node.name);
    const verdict = considered ? framework.filter(state, pod, node) : leftOut;
    if (verdict.kind === 'success') feasible.push(node);
    else rejections.set(node.name, verdict);
  }
  return { feasible, rejections };
}

function giveUp(
  framework: Framework,
  state: CycleState,
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  rejections: ReadonlyMap<string, Rejection>,
): Decision {
  const wayOut = framework.postFilter(state, pod, rejections, nodes);
  const rejectedBy = new Set([...rejections.values()].map(({ plugin }) => plugin));
  const message = describeRejections(nodes.length, rejections);
  if (wayOut.kind === 'nominated')
    return { kind: 'unschedulable', message, rejectedBy, nominatedNodeName: wayOut.nodeName };
  return {
    kind: 'unschedulable',
    message: wayOut.message === undefined ? message : `${message} ${wayOut.message}`,
    rejectedBy,
  };
}

/** How many nodes were ruled out for which reason. A node with two reasons counts in both. */
export function describeRejections(
  nodeCount: number,
  rejections: ReadonlyMap<string, Pick<Rejection, 'reasons'>>,
): string {
  const counts = new Map<string, number>();
  for (const { reasons } of rejections.values()) {
    for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  }
  const parts = [...counts].map(([reason, count]) => `${String(count)} ${reason}`).sort();
  return `0/${String(nodeCount)} nodes are available: ${parts.join(', ')}.`;
}

/** The node with the highest score; among equals any, so that Pods do not pile up on the first. */
function selectNode(
  framework: Framework,
  state: CycleState,
  pod: PodInfo,
  feasible: readonly NodeInfo[],
  random: () => number,
): string {
  const [only] = feasible;
  if (only !== undefined && feasible.length === 1) return only.name;
  const scores = framework.score(state, pod, feasible);
  const highest = Math.max(...scores.values());
  const best = [...scores].filter(([, score]) => score === highest).map(([name]) => name);
  const chosen = best[Math.floor(random() * best.length)];
  if (chosen === undefined) throw new Error('no node has the highest score');
  return chosen;
}
