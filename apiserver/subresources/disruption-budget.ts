/**
 * What PodDisruptionBudgets say about an eviction: a pure decision, in the steps of Kubernetes' eviction API.
 *
 * The budget's numbers are the disruption controller's; an eviction only takes one of the disruptions that are allowed, and notes whose it
 * was so that the controller does not count the pod as healthy meanwhile.
 */
import type { Pod } from '../../api/generated/core-v1.js';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.js';
import { findCondition, isPodReady, isPodTerminal, withCondition } from '../../api/pod-helpers.js';
import { matchesLabels, selectorFromObject } from '../../api/selectors.js';
import { StatusError } from '../../api/status-error.js';
import { timestamp } from '../resources/object-meta.js';

export type EvictionRule =
  /** Nobody objects. */
  | { readonly kind: 'free' }
  /** The budget is asked for one disruption. */
  | { readonly kind: 'ask'; readonly budget: PodDisruptionBudget };

/** More evictions than this under way at once mean that the controller does not keep up. */
const maxDisruptedPods = 2000;
const retryWhileProcessedSeconds = 10;

/** Throws InternalError when several budgets are about the pod: whose number would be taken is not defined. */
export function evictionRuleOf(pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictionRule {
  const gone =
    isPodTerminal(pod) || pod.status.phase === 'Pending' || pod.metadata.deletionTimestamp !== undefined;
  if (gone) return { kind: 'free' };
  const [budget, ...others] = budgets.filter(
    ({ spec }) =>
      // No selector selects nothing, an empty one everything.
      spec.selector !== undefined && matchesLabels(selectorFromObject(spec.selector), pod.metadata.labels),
  );
  if (budget === undefined) return { kind: 'free' };
  if (others.length > 0)
    throw new StatusError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  if (isPodReady(pod)) return { kind: 'ask', budget };
  // A pod that is not ready is missing already: evicting it costs nothing, if the others are enough.
  const { currentHealthy, desiredHealthy } = budget.status;
  const spare = desiredHealthy > 0 && currentHealthy >= desiredHealthy;
  const free = budget.spec.unhealthyPodEvictionPolicy === 'AlwaysAllow' || spare;
  return free ? { kind: 'free' } : { kind: 'ask', budget };
}

/** Takes one disruption for the pod. Changes `budget`. Throws TooManyRequests and Forbidden. */
export function takeDisruption(
  budget: PodDisruptionBudget,
  podName: string,
  nowMs: number,
): PodDisruptionBudget {
  const { metadata, status } = budget;
  const { name } = metadata;
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    throw tooMany(
      `The disruption budget ${name} is still being processed by the server.`,
      retryWhileProcessedSeconds,
    );
  if (status.disruptionsAllowed < 0) throw forbidden(name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > maxDisruptedPods)
    throw forbidden(name, 'DisruptedPods map too big - too many evictions not confirmed by PDB controller');
  if (status.disruptionsAllowed === 0) throw tooMany(whyNone(budget));
  status.disruptionsAllowed -= 1;
  status.disruptedPods = { ...status.disruptedPods, [podName]: timestamp(nowMs) };
  if (status.disruptionsAllowed === 0)
    status.conditions = [
      ...withCondition(
        status.conditions,
        {
          type: 'DisruptionAllowed',
          status: 'False',
          reason: 'InsufficientPods',
          message: '',
          lastTransitionTime: timestamp(nowMs),
          observedGeneration: status.observedGeneration ?? 0,
        },
        timestamp(nowMs),
      ),
    ];
  return budget;
}

function whyNone({ metadata, status }: PodDisruptionBudget): string {
  const condition = findCondition(status.conditions, 'DisruptionAllowed');
  if (condition?.reason === 'SyncFailed')
    return `The disruption budget ${metadata.name} does not allow evicting pods currently because it failed sync: ${condition.message}`;
  return `The disruption budget ${metadata.name} needs ${String(status.desiredHealthy)} healthy pods and has ${String(status.currentHealthy)} currently`;
}

function tooMany(message: string, retryAfterSeconds?: number): StatusError {
  return new StatusError(
    'TooManyRequests',
    "Cannot evict pod as it would violate the pod's disruption budget.",
    {
      details: {
        causes: [{ reason: 'DisruptionBudget', message }],
        ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
      },
    },
  );
}

function forbidden(name: string, why: string): StatusError {
  return new StatusError('Forbidden', `poddisruptionbudgets.policy "${name}" is forbidden: ${why}`, {
    details: { name, group: 'policy', kind: 'poddisruptionbudgets' },
  });
}
