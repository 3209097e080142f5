import { isDeepStrictEqual } from 'node:util';
import type { StatefulSet, StatefulSetSpec } from '../../../api/generated/apps-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { omit } from '../../omit.js';
import {
  shareAmount,
  validateNonNegative,
  validateNotAbove100Percent,
  validateSelected,
  validateShare,
  validateWorkloadSelector,
} from '../pod/template.js';
import { validateRunsForever, validateTemplateMeta } from '../pod/validation.js';

const retentionPolicies = ['Retain', 'Delete'];

export function validateStatefulSet({ spec }: StatefulSet, violations: Violations): void {
  const policy = spec.podManagementPolicy;
  if (policy !== 'OrderedReady' && policy !== 'Parallel')
    violations.invalid('spec.podManagementPolicy', policy, "must be 'OrderedReady' or 'Parallel'");
  validateUpdateStrategy(spec, violations);
  for (const field of ['whenDeleted', 'whenScaled'] as const) {
    const value = spec.persistentVolumeClaimRetentionPolicy?.[field];
    if (value !== undefined && !retentionPolicies.includes(value))
      violations.notSupported(`spec.persistentVolumeClaimRetentionPolicy.${field}`, value, retentionPolicies);
  }
  validateNonNegative(spec.replicas, 'spec.replicas', violations);
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', violations);
  validateNonNegative(spec.ordinals?.start, 'spec.ordinals.start', violations);
  validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', violations);
  const { selector, template } = spec;
  const problem = 'empty selector is invalid for statefulset';
  if (validateWorkloadSelector(selector, problem, violations))
    validateSelected(selector, template, violations);
  // Mounts may name volumes that come from the claim templates, so the pods themselves are judged when they are made.
  validateTemplateMeta(template, 'spec.template', violations);
  validateRunsForever(template, 'spec.template', 'StatefulSet', violations);
}

function validateUpdateStrategy({ updateStrategy }: StatefulSetSpec, violations: Violations): void {
  const { type, rollingUpdate } = updateStrategy ?? {};
  const path = 'spec.updateStrategy';
  if (type === 'OnDelete') {
    if (rollingUpdate !== undefined)
      violations.invalid(
        `${path}.rollingUpdate`,
        rollingUpdate,
        "only allowed for updateStrategy 'RollingUpdate'",
      );
    return;
  }
  if (type !== 'RollingUpdate') {
    violations.invalid(path, updateStrategy, "must be 'RollingUpdate' or 'OnDelete'");
    return;
  }
  validateNonNegative(rollingUpdate?.partition, `${path}.rollingUpdate.partition`, violations);
  const unavailable = rollingUpdate?.maxUnavailable;
  if (unavailable === undefined) return;
  validateShare(unavailable, `${path}.rollingUpdate.maxUnavailable`, violations);
  if (shareAmount(unavailable) === 0)
    violations.invalid(`${path}.rollingUpdate.maxUnavailable`, unavailable, 'cannot be 0');
  validateNotAbove100Percent(unavailable, `${path}.rollingUpdate.maxUnavailable`, violations);
}

const mutable = [
  'replicas',
  'ordinals',
  'template',
  'updateStrategy',
  'revisionHistoryLimit',
  'persistentVolumeClaimRetentionPolicy',
  'minReadySeconds',
] as const;

export function validateStatefulSetUpdate(
  { spec }: StatefulSet,
  before: StatefulSet,
  violations: Violations,
): void {
  if (isDeepStrictEqual(omit(spec, ...mutable), omit(before.spec, ...mutable))) return;
  violations.forbidden(
    'spec',
    "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
  );
}

export function validateStatefulSetStatus(
  { status }: StatefulSet,
  _: StatefulSet,
  violations: Violations,
): void {
  validateNonNegative(status.replicas, 'status.replicas', violations);
  for (const field of ['readyReplicas', 'currentReplicas', 'updatedReplicas', 'availableReplicas'] as const) {
    const value = status[field] ?? 0;
    validateNonNegative(value, `status.${field}`, violations);
    if (value > status.replicas)
      violations.invalid(`status.${field}`, value, 'cannot be greater than status.replicas');
  }
}
