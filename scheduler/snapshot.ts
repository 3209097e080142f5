/**
 * The scheduler's picture of the cluster: nodes and what runs on them, kept up to date by informers.
 *
 * A Pod that was given a node is *assumed* there at once, before the server has confirmed it: the next Pod must not
 * be given the same room. The assumption ends when the informer brings the bound Pod, when binding fails, or, should
 * neither ever happen, some time after the binding was written.
 *
 * Not for concurrent use from several threads; calls are synchronous. {@link ClusterSnapshot.nodes} returns values that
 * do not change any more, so a cycle may work on them as long as it likes.
 */
import type { Clock } from '../common/clock.js';
import type { Node } from '../api/generated/core-v1.js';
import { toNodeInfo } from './framework/node-info.js';
import type { NodeInfo } from './framework/node-info.js';
import type { PodInfo } from './framework/pod-info.js';

interface NodeEntry {
  /** Absent while there are Pods of a node that is not known (yet, or any more). */
  node: Node | undefined;
  readonly pods: Map<string, PodInfo>;
  /** Undefined when something changed since it was computed. */
  info: NodeInfo | undefined;
}

interface Assumption {
  readonly nodeName: string;
  /** On the monotonic clock; undefined while binding is under way. */
  expiresAtMs: number | undefined;
}

/** A watch that misses a bound Pod for this long is not expected to bring it any more. */
const assumptionLifetimeMs = 15 * 60_000;

export class ClusterSnapshot {
  readonly #clock: Clock;
  readonly #nodes = new Map<string, NodeEntry>();
  /** Which node a Pod is counted on, by the Pod's uid. */
  readonly #nodeOfPod = new Map<string, string>();
  readonly #assumed = new Map<string, Assumption>();
  #current: readonly NodeInfo[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  sizes(): { readonly nodes: number; readonly pods: number; readonly assumed_pods: number } {
    return { nodes: this.#nodes.size, pods: this.#nodeOfPod.size, assumed_pods: this.#assumed.size };
  }

  putNode(node: Node): void {
    const entry = this.#entry(node.metadata.name);
    entry.node = node;
    this.#changed(entry);
  }

  removeNode(name: string): void {
    const entry = this.#nodes.get(name);
    if (entry === undefined) return;
    entry.node = undefined;
    this.#changed(entry);
    this.#dropIfEmpty(name, entry);
  }

  /** Counts a Pod that the server says is on this node; replaces what was known or assumed of it. */
  putPod(info: PodInfo, nodeName: string): void {
    this.#assumed.delete(info.uid);
    this.#place(info, nodeName);
  }

  /** The Pod is gone or has ended. Unknown Pods are ignored. */
  removePod(uid: string): void {
    this.#assumed.delete(uid);
    this.#unplace(uid);
  }

  /** Counts a Pod on a node before the server knows of it. */
  assumePod(info: PodInfo, nodeName: string): void {
    this.#assumed.set(info.uid, { nodeName, expiresAtMs: undefined });
    this.#place(info, nodeName);
  }

  /** The binding was written: from now on the assumption only waits for the informer. */
  confirmAssumed(uid: string): void {
    const assumption = this.#assumed.get(uid);
    if (assumption !== undefined) assumption.expiresAtMs = this.#clock.monotonicMs() + assumptionLifetimeMs;
  }

  /** Binding failed: the room is free again. Does nothing when the informer has brought the Pod meanwhile. */
  forgetAssumed(uid: string): void {
    if (this.#assumed.delete(uid)) this.#unplace(uid);
  }

  isAssumed(uid: string): boolean {
    return this.#assumed.has(uid);
  }

  /** All known nodes, in the order in which they appeared. */
  nodes(): readonly NodeInfo[] {
    this.#expireAssumptions();
    this.#current ??= [...this.#nodes.values()].flatMap((entry) => {
      if (entry.node === undefined) return [];
      entry.info ??= toNodeInfo(entry.node, [...entry.pods.values()]);
      return [entry.info];
    });
    return this.#current;
  }

  #expireAssumptions(): void {
    const now = this.#clock.monotonicMs();
    for (const [uid, { expiresAtMs }] of this.#assumed) {
      if (expiresAtMs !== undefined && expiresAtMs <= now) this.removePod(uid);
    }
  }

  #place(info: PodInfo, nodeName: string): void {
    const known = this.#nodeOfPod.get(info.uid);
    if (known !== undefined && known !== nodeName) this.#unplace(info.uid);
    const entry = this.#entry(nodeName);
    entry.pods.set(info.uid, info);
    this.#nodeOfPod.set(info.uid, nodeName);
    this.#changed(entry);
  }

  #unplace(uid: string): void {
    const nodeName = this.#nodeOfPod.get(uid);
    if (nodeName === undefined) return;
    this.#nodeOfPod.delete(uid);
    const entry = this.#entry(nodeName);
    entry.pods.delete(uid);
    this.#changed(entry);
    this.#dropIfEmpty(nodeName, entry);
  }

  #entry(name: string): NodeEntry {
    let entry = this.#nodes.get(name);
    if (entry === undefined) {
      entry = { node: undefined, pods: new Map(), info: undefined };
      this.#nodes.set(name, entry);
    }
    return entry;
  }

  #changed(entry: NodeEntry): void {
    entry.info = undefined;
    this.#current = undefined;
  }

  #dropIfEmpty(name: string, entry: NodeEntry): void {
    if (entry.node === undefined && entry.pods.size === 0) this.#nodes.delete(name);
  }
}
