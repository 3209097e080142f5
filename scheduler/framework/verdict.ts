/**
 * What plugins answer. An outcome that is part of normal life is a value; an exception means that a plugin is broken
 * or that its world is (the apiserver is gone), and the Pod is tried again.
 */

export interface Success {
  readonly kind: 'success';
}

/** The Pod cannot run here (or anywhere) as things are. */
export interface Unschedulable {
  readonly kind: 'unschedulable';
  /** In the words of Kubernetes, because people and tools look for them: `Insufficient cpu`. Never empty. */
  readonly reasons: readonly string[];
  /** False when removing other Pods from the node would not help (a taint, a selector): no use to preempt. */
  readonly resolvable: boolean;
}

/** The plugin has nothing to say about this Pod: its Filter or Score is left out in this cycle. */
export interface Skip {
  readonly kind: 'skip';
}

/** The Pod has a place but must wait for something else before it is bound. */
export interface Wait {
  readonly kind: 'wait';
  /** The Pod is rejected when nobody allows it within this time. */
  readonly timeoutMs: number;
}

export type Verdict = Success | Unschedulable;

/** The common answer, made once. */
export const success: Success = { kind: 'success' };
export const skip: Skip = { kind: 'skip' };

/** Other Pods stand in the way: the verdict can change when they leave. */
export function unschedulable(...reasons: readonly string[]): Unschedulable {
  return { kind: 'unschedulable', reasons, resolvable: true };
}

/** The node itself does not fit the Pod, whoever else runs there. */
export function unresolvable(...reasons: readonly string[]): Unschedulable {
  return { kind: 'unschedulable', reasons, resolvable: false };
}
