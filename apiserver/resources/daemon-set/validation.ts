import type { DaemonSet, RollingUpdateDaemonSet } from '../../../api/generated/apps-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  shareAmount,
  validateNonNegative,
  validateNotAbove100Percent,
  validateSelectorUnchanged,
  validateShare,
  validateWorkload,
} from '../pod/template.js';

const strategyTypes = ['RollingUpdate', 'OnDelete'];

export function validateDaemonSet({ spec }: DaemonSet, violations: Violations): void {
  const { selector, template, minReadySeconds } = spec;
  const judged = { selector, template, ...(minReadySeconds === undefined ? {} : { minReadySeconds }) };
  validateWorkload(judged, 'daemonset', violations, 'DaemonSet');
  const { type = '', rollingUpdate } = spec.updateStrategy ?? {};
  if (!strategyTypes.includes(type)) violations.notSupported('spec.updateStrategy', type, strategyTypes);
  if (type === 'RollingUpdate') {
    if (rollingUpdate === undefined) violations.required('spec.updateStrategy.rollingUpdate');
    else validateRollingUpdate(rollingUpdate, violations);
  }
  validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', violations);
}

/** Either the old pod goes first or the new one comes first, never both. */
function validateRollingUpdate(update: RollingUpdateDaemonSet, violations: Violations): void {
  const path = 'spec.updateStrategy.rollingUpdate';
  const { maxUnavailable = 0, maxSurge = 0 } = update;
  for (const [field, share] of Object.entries({ maxUnavailable, maxSurge })) {
    validateShare(share, `${path}.${field}`, violations);
    validateNotAbove100Percent(share, `${path}.${field}`, violations);
  }
  const unavailable = shareAmount(maxUnavailable) !== 0;
  const surge = shareAmount(maxSurge) !== 0;
  if (unavailable && surge)
    violations.invalid(`${path}.maxSurge`, maxSurge, 'may not be set when maxUnavailable is non-zero');
  if (!unavailable && !surge) violations.required(`${path}.maxUnavailable`, 'cannot be 0 when maxSurge is 0');
}

export function validateDaemonSetUpdate(
  { spec }: DaemonSet,
  before: DaemonSet,
  violations: Violations,
): void {
  validateSelectorUnchanged(spec.selector, before.spec.selector, violations);
}

const counters = [
  'currentNumberScheduled',
  'numberMisscheduled',
  'desiredNumberScheduled',
  'numberReady',
  'updatedNumberScheduled',
  'numberAvailable',
  'numberUnavailable',
] as const;

export function validateDaemonSetStatus({ status }: DaemonSet, _: DaemonSet, violations: Violations): void {
  for (const field of counters) validateNonNegative(status[field], `status.${field}`, violations);
}
