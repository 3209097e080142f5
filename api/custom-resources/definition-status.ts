/** The status of a CustomResourceDefinition. Pure. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionCondition,
} from '../generated/apiextensions-v1.js';

/** Keeps a definition until all its objects are gone. */
export const cleanupFinalizer = 'customresourcecleanup.apiextensions.k8s.io';

export type NewCondition = Pick<CustomResourceDefinitionCondition, 'type' | 'status' | 'reason' | 'message'>;

/** Sets a condition; the time moves with its status. Returns the same list when the condition is there already. */
export function withCondition(
  conditions: readonly CustomResourceDefinitionCondition[],
  { type, status, reason, message }: NewCondition,
  now: string,
): CustomResourceDefinitionCondition[] {
  const index = conditions.findIndex((one) => one.type === type);
  const before = conditions[index];
  if (before?.status === status && before.reason === reason && before.message === message)
    return conditions as CustomResourceDefinitionCondition[];
  const lastTransitionTime = before?.status === status ? (before.lastTransitionTime ?? now) : now;
  const condition: CustomResourceDefinitionCondition = {
    type,
    status,
    lastTransitionTime,
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  };
  return index < 0 ? [...conditions, condition] : conditions.with(index, condition);
}

export function isConditionTrue({ status }: CustomResourceDefinition, type: string): boolean {
  return status.conditions?.some((one) => one.type === type && one.status === 'True') === true;
}
