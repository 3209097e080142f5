/** From a decision to a Binding: Reserve, Permit, PreBind, Bind, PostBind, and all of it undone when a step fails. */
import { pods } from '../api/resources.js';
import { StatusError } from '../api/status-error.js';
import type { Binding } from '../api/generated/core-v1.js';
import type { Clock } from '../common/clock.js';
import type { ApiClient } from '../client/types.js';
import type { CycleState } from './framework/cycle-state.js';
import type { Rejection } from './framework/extension-points.js';
import type { Framework } from './framework/framework.js';
import type { PodInfo } from './framework/pod-info.js';
import type { SchedulerMetrics } from './metrics.js';
import type { ClusterSnapshot } from './snapshot.js';
import type { WaitingPods } from './waiting-pods.js';

export interface BindContext {
  readonly framework: Framework;
  readonly snapshot: ClusterSnapshot;
  readonly waitingPods: WaitingPods;
  readonly metrics: Pick<SchedulerMetrics, 'permitted'>;
  readonly clock: Clock;
}

export interface Placement {
  readonly pod: PodInfo;
  readonly nodeName: string;
  readonly state: CycleState;
}

export type BindResult =
  | { readonly kind: 'bound' }
  | { readonly kind: 'rejected'; readonly rejection: Rejection }
  | { readonly kind: 'failed'; readonly error: unknown };

/**
 * Runs until its first `await` in the turn of the caller, so the Pod is assumed on its node before the next Pod is
 * looked at. Never rejects. Afterwards the Pod is either bound, or nothing of it is left on the node.
 */
export async function bindPlacement(
  context: BindContext,
  placement: Placement,
  signal: AbortSignal,
): Promise<BindResult> {
  const { framework, snapshot } = context;
  const { pod, nodeName, state } = placement;
  snapshot.assumePod(pod, nodeName);
  let reserved = false;
  try {
    const reservation = framework.reserve(state, pod, nodeName);
    reserved = reservation.kind === 'success';
    const rejection =
      reservation.kind === 'success' ? await proceed(context, placement, signal) : reservation;
    if (rejection === undefined) {
      snapshot.confirmAssumed(pod.uid);
      framework.postBind(state, pod, nodeName);
      return { kind: 'bound' };
    }
    undo();
    return { kind: 'rejected', rejection };
  } catch (error) {
    undo();
    return { kind: 'failed', error };
  }

  function undo(): void {
    if (reserved) framework.unreserve(state, pod, nodeName);
    snapshot.forgetAssumed(pod.uid);
  }
}

/** Everything after Reserve. Undefined when the Pod is bound. */
async function proceed(
  { framework, waitingPods, metrics, clock }: BindContext,
  { pod, nodeName, state }: Placement,
  signal: AbortSignal,
): Promise<Rejection | undefined> {
  const permission = await framework.permit(state, pod, nodeName);
  if (permission.kind === 'unschedulable') return permission;
  const startedMs = clock.monotonicMs();
  const refusedBy = await waitingPods.wait(pod.uid, permission.pending, signal);
  if (permission.pending.length > 0)
    metrics.permitted(refusedBy === undefined, clock.monotonicMs() - startedMs);
  if (refusedBy !== undefined) {
    const reasons = [`pod was not permitted by ${refusedBy} in time`];
    return { kind: 'unschedulable', plugin: refusedBy, reasons, resolvable: true };
  }
  const prepared = await framework.preBind(state, pod, nodeName, signal);
  if (prepared.kind === 'unschedulable') return prepared;
  await framework.bind(state, pod, nodeName, signal);
  return undefined;
}

/** Creates the Binding: POST pods/NAME/binding. The uid keeps it from hitting a new Pod of the same name. */
export async function createBinding(client: ApiClient, { pod }: PodInfo, nodeName: string): Promise<void> {
  const { namespace, name, uid } = pod.metadata;
  const binding: Binding = {
    apiVersion: 'v1',
    kind: 'Binding',
    metadata: { namespace, name, uid },
    target: { kind: 'Node', name: nodeName },
  };
  await client.resource(pods).createSubresource({ namespace, name }, 'binding', binding);
}

/** The server's answer, where that is what made a plugin fail. */
export function statusErrorOf(error: unknown): StatusError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof StatusError) return cause;
  }
  return undefined;
}
