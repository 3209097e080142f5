/** Says on the Pod why it has no node: its condition PodScheduled. */
import { findCondition } from '../api/pod-helpers.js';
import { pods } from '../api/resources.js';
import { isStatusError } from '../api/status-error.js';
import type { Pod, PodCondition } from '../api/generated/core-v1.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { ApiClient } from '../client/types.js';

/** `Unschedulable`: no node would take it. `SchedulerError`: the attempt itself went wrong. */
export type FailureReason = 'Unschedulable' | 'SchedulerError';

/** The condition to write, or undefined when the Pod has just that already. */
export function failureCondition(
  pod: Pod,
  reason: FailureReason,
  message: string,
  nowMs: number,
): PodCondition | undefined {
  const before = findCondition(pod.status.conditions, 'PodScheduled');
  const { generation } = pod.metadata;
  const same =
    before?.status === 'False' &&
    before.reason === reason &&
    before.message === message &&
    before.observedGeneration === generation;
  if (same) return undefined;
  const now = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return {
    type: 'PodScheduled',
    status: 'False',
    reason,
    message,
    lastTransitionTime: before?.status === 'False' ? (before.lastTransitionTime ?? now) : now,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

/** Writes the condition. A failure is only logged: the next attempt to schedule the Pod writes it again. */
export async function reportFailure(
  context: { readonly client: ApiClient; readonly log: Logger; readonly clock: Clock },
  pod: Pod,
  reason: FailureReason,
  message: string,
): Promise<void> {
  const condition = failureCondition(pod, reason, message, context.clock.now());
  if (condition === undefined) return;
  const { namespace, name, uid } = pod.metadata;
  try {
    // The uid is a precondition: a new Pod of the same name is left alone.
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    await context.client
      .resource(pods)
      .patch({ namespace, name }, 'strategic', patch, { subresource: 'status' });
  } catch (error) {
    if (isStatusError(error, 'NotFound') || isStatusError(error, 'Conflict')) return;
    context.log.info('the condition of an unscheduled pod was not written', {
      pod: `${namespace}/${name}`,
      err: error,
    });
  }
}
