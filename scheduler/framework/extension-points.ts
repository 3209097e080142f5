/**
 * The extension points of Kubernetes' scheduling framework, in the order in which a Pod passes them.
 *
 *   queue     PreEnqueue, QueueSort
 *   decide    PreFilter → Filter (each node) → PostFilter (only when no node is left) → PreScore → Score (each node)
 *   promise   Reserve → Permit
 *   write     PreBind → Bind → PostBind                                  (Unreserve undoes Reserve on a failure)
 *
 * A plugin is a name and any of these methods; adding one is shown in docs/add-a-scheduler-plugin.md. The first two rows
 * are synchronous and do no I/O: they work on a snapshot that does not change under them, one Pod at a time. Permit and
 * the methods after it are asynchronous and run for several Pods at once.
 */
import type { CycleState } from './cycle-state.js';
import type { EventInterest } from './cluster-event.js';
import type { NodeInfo } from './node-info.js';
import type { PodInfo } from './pod-info.js';
import type { StorageView } from './storage-view.js';
import type { Skip, Success, Unschedulable, Verdict, Wait } from './verdict.js';

/** Scores of a plugin lie between 0 and this once they are normalized. */
export const maxNodeScore = 100;

/** Decides whether a Pod may enter the queue at all. */
export interface PreEnqueuePlugin {
  preEnqueue(pod: PodInfo): Verdict;
}

/** A Pod that waits, with what an order may depend on. */
export interface QueuedPod {
  readonly info: PodInfo;
  /** When it first entered the queue, in milliseconds of the monotonic clock. */
  readonly queuedAtMs: number;
}

/** Orders the queue; exactly one plugin of a profile does. Negative: `a` is tried first. */
export interface QueueSortPlugin {
  compare(a: QueuedPod, b: QueuedPod): number;
}

/** The only nodes worth a look; without it all of them are. */
export interface PreFilterSuccess extends Success {
  readonly onlyNodes?: ReadonlySet<string>;
}

/** Looks at the Pod once, before the nodes: prepares notes, rules the Pod out, or narrows the nodes down. */
export interface PreFilterPlugin {
  preFilter(
    state: CycleState,
    pod: PodInfo,
    nodes: readonly NodeInfo[],
  ): PreFilterSuccess | Skip | Unschedulable;
}

/** Can this Pod run on this node? Must not depend on the order of nodes or on other nodes. */
export interface FilterPlugin {
  filter(state: CycleState, pod: PodInfo, node: NodeInfo): Verdict;
}

/** No node was left. `nominated` means that room is being made on that node and the Pod is to come back. */
export type PostFilterResult =
  | { readonly kind: 'nominated'; readonly nodeName: string }
  | { readonly kind: 'unschedulable'; readonly message?: string };

/** Looks for a way out when no node is left; preemption lives here. */
export interface PostFilterPlugin {
  postFilter(
    state: CycleState,
    pod: PodInfo,
    rejections: ReadonlyMap<string, Rejection>,
    nodes: readonly NodeInfo[],
  ): PostFilterResult;
}

/** Why a node was ruled out, and by whom. */
export interface Rejection extends Unschedulable {
  readonly plugin: string;
}

/** Looks at the Pod and the nodes that are left once, before they are scored. */
export interface PreScorePlugin {
  preScore(state: CycleState, pod: PodInfo, nodes: readonly NodeInfo[]): Success | Skip;
}

/** How good is this node? More is better. Raw scores may have any range if `normalizeScores` brings them home. */
export interface ScorePlugin {
  score(state: CycleState, pod: PodInfo, node: NodeInfo): number;
  /** Brings the scores of all nodes (by name) into 0 to {@link maxNodeScore}. */
  normalizeScores?(
    state: CycleState,
    pod: PodInfo,
    scores: ReadonlyMap<string, number>,
  ): ReadonlyMap<string, number>;
}

/** Notes in a plugin's own books that the Pod has a place, and strikes it out again. */
export interface ReservePlugin {
  reserve(state: CycleState, pod: PodInfo, nodeName: string): Verdict;
  /** Called whenever a reserved Pod is not bound after all, also after a failure of `reserve` itself. Idempotent. */
  unreserve(state: CycleState, pod: PodInfo, nodeName: string): void;
}

/** The last word before binding: yes, no, or wait. A plugin that answers `wait` allows the Pod through the handle. */
export interface PermitPlugin {
  permit(state: CycleState, pod: PodInfo, nodeName: string): Promise<Verdict | Wait>;
}

/** Work that must be done before the Pod is bound, such as attaching a volume. */
export interface PreBindPlugin {
  preBind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Verdict>;
}

/** Writes the decision down. The first plugin that does not skip has done it; it rejects when it could not. */
export interface BindPlugin {
  bind(state: CycleState, pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<Success | Skip>;
}

/** Told after the Pod was bound. */
export interface PostBindPlugin {
  postBind(state: CycleState, pod: PodInfo, nodeName: string): void;
}

/** Every method name of an extension point, for checks. */
export const extensionPointMethods = [
  'preEnqueue',
  'compare',
  'preFilter',
  'filter',
  'postFilter',
  'preScore',
  'score',
  'normalizeScores',
  'reserve',
  'unreserve',
  'permit',
  'preBind',
  'bind',
  'postBind',
] as const;

export interface SchedulerPlugin
  extends
    Partial<PreEnqueuePlugin>,
    Partial<QueueSortPlugin>,
    Partial<PreFilterPlugin>,
    Partial<FilterPlugin>,
    Partial<PostFilterPlugin>,
    Partial<PreScorePlugin>,
    Partial<ScorePlugin>,
    Partial<ReservePlugin>,
    Partial<PermitPlugin>,
    Partial<PreBindPlugin>,
    Partial<BindPlugin>,
    Partial<PostBindPlugin> {
  /** As in Kubernetes where the plugin exists there: `NodeResourcesFit`. */
  readonly name: string;
  /** A plugin that can reject names the changes after which its answer may differ. */
  readonly interests?: readonly EventInterest[];
}

/** What a plugin may ask of its surroundings: all it knows of the world outside of its arguments. */
export interface PluginHandle {
  /** Creates the Binding. Rejects with StatusError: Conflict when the Pod has a node already, NotFound when it is gone. */
  bindPod(pod: PodInfo, nodeName: string, signal: AbortSignal): Promise<void>;
  /** Lets a Pod go on that the named plugin answered `wait` for. Unknown Pods are ignored: their time was up. */
  allowWaitingPod(uid: string, plugin: string): void;
  readonly storage: StorageView;
}

export type PluginFactory = (handle: PluginHandle) => SchedulerPlugin;
