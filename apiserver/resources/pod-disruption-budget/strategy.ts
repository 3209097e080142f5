/** PodDisruptionBudgets: how many pods of an application may be missing on purpose. The eviction subresource obeys them. */
import type { PodDisruptionBudget } from '../../../api/generated/policy-v1.js';
import { podDisruptionBudgets } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateBudgetStatus, validatePodDisruptionBudget } from './validation.js';

export const podDisruptionBudgetStrategy: Strategy<PodDisruptionBudget> = {
  definition: podDisruptionBudgets,
  tracksGeneration: true,
  prepareForCreate(budget) {
    budget.status = { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 };
  },
  validate: validatePodDisruptionBudget,
  validateStatusUpdate: validateBudgetStatus,
};
