import type { Job, JobSpec } from '../../../api/generated/batch-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { matchesLabels, selectorFromObject } from '../../../api/selectors.js';
import { checkDomainPrefixedPath, checkOneOf } from '../checks.js';
import { validateLabelSelector, validateNonNegative, validateSelected } from '../pod/template.js';
import { validatePodTemplate } from '../pod/validation.js';
import {
  controllerUidLabel,
  jobNameLabel,
  legacyControllerUidLabel,
  legacyJobNameLabel,
} from './defaults.js';
import { validatePodFailurePolicy, validateSuccessPolicy } from './policy-validation.js';

const completionModes = ['NonIndexed', 'Indexed'];
const replacementPolicies = ['TerminatingOrFailed', 'Failed'];
const maxIndexes = 100_000;
const maxManagedByLength = 63;

export function validateJob(job: Job, violations: Violations): void {
  const { spec } = job;
  validateGeneratedSelector(job, violations);
  validateJobSpec(spec, 'spec', violations);
  if (spec.selector === undefined) violations.required('spec.selector');
  else if (validateLabelSelector(spec.selector, 'spec.selector', violations))
    validateSelected(spec.selector, spec.template, violations);
}

/** Everything but the selector: also for the Jobs that a CronJob will make. */
export function validateJobSpec(spec: JobSpec, path: string, violations: Violations): void {
  const numbers = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  for (const field of numbers) validateNonNegative(spec[field], `${path}.${field}`, violations);
  validateIndexes(spec, path, violations);
  if (spec.managedBy !== undefined) {
    checkDomainPrefixedPath(spec.managedBy, `${path}.managedBy`, violations);
    if (spec.managedBy.length > maxManagedByLength)
      violations.tooLong(`${path}.managedBy`, maxManagedByLength);
  }
  if (spec.completionMode !== undefined)
    checkOneOf(spec.completionMode, completionModes, `${path}.completionMode`, violations);
  validatePodFailurePolicy(spec, path, violations);
  validateSuccessPolicy(spec, path, violations);
  validateReplacement(spec, path, violations);
  validatePodTemplate(spec.template, `${path}.template`, violations);
  validateRestartPolicy(spec, path, violations);
}

function validateIndexes(spec: JobSpec, path: string, violations: Violations): void {
  const { completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec;
  const indexed = spec.completionMode === 'Indexed';
  if (indexed && completions === undefined)
    violations.required(`${path}.completions`, 'when completion mode is Indexed');
  if (indexed && parallelism > maxIndexes)
    violations.invalid(
      `${path}.parallelism`,
      parallelism,
      `must be less than or equal to ${String(maxIndexes)} when completion mode is Indexed`,
    );
  if (backoffLimitPerIndex !== undefined && !indexed)
    violations.invalid(
      `${path}.backoffLimitPerIndex`,
      backoffLimitPerIndex,
      'requires indexed completion mode',
    );
  if (maxFailedIndexes === undefined) return;
  if (backoffLimitPerIndex === undefined)
    violations.required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified');
  if (completions !== undefined && maxFailedIndexes > completions)
    violations.invalid(
      `${path}.maxFailedIndexes`,
      maxFailedIndexes,
      'must be less than or equal to completions',
    );
  if (maxFailedIndexes > maxIndexes)
    violations.invalid(
      `${path}.maxFailedIndexes`,
      maxFailedIndexes,
      `must be less than or equal to ${String(maxIndexes)}`,
    );
}

/** A pod that restarts by itself for ever would never be done. */
function validateRestartPolicy(spec: JobSpec, path: string, violations: Violations): void {
  const policy = spec.template.spec.restartPolicy;
  const at = `${path}.template.spec.restartPolicy`;
  if (policy !== 'OnFailure' && policy !== 'Never')
    violations.required(at, 'valid values: "OnFailure", "Never"');
  else if (spec.podFailurePolicy !== undefined && policy !== 'Never')
    violations.invalid(at, policy, 'only "Never" is supported when podFailurePolicy is specified');
}

function validateReplacement(spec: JobSpec, path: string, violations: Violations): void {
  const policy = spec.podReplacementPolicy;
  if (policy === undefined) return;
  const supported = spec.podFailurePolicy === undefined ? replacementPolicies : ['Failed'];
  checkOneOf(policy, supported, `${path}.podReplacementPolicy`, violations);
}

/** A selector that is not the client's own must be the one that the server makes. */
function validateGeneratedSelector({ metadata, spec }: Job, violations: Violations): void {
  if (spec.manualSelector === true || spec.selector === undefined) return;
  const expected: Readonly<Record<string, string>> = {
    [legacyControllerUidLabel]: metadata.uid,
    [controllerUidLabel]: metadata.uid,
    [legacyJobNameLabel]: metadata.name,
    [jobNameLabel]: metadata.name,
  };
  const labels = spec.template.metadata.labels ?? {};
  for (const [key, value] of Object.entries(expected)) {
    const path = 'spec.template.metadata.labels';
    // Jobs that were made before the labels got a prefix have the short ones only.
    if (labels[key] === undefined) {
      if (key === controllerUidLabel || key === jobNameLabel) violations.required(path, `must be '${value}'`);
    } else if (labels[key] !== value) violations.invalid(path, labels, `must be '${value}'`);
  }
  if (!matchesLabels(selectorFromObject(spec.selector), expected))
    violations.invalid('spec.selector', spec.selector, '`selector` not auto-generated');
}

export function validateJobStatus({ status }: Job, before: Job, violations: Violations): void {
  for (const field of ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const)
    validateNonNegative(status[field], `status.${field}`, violations);
  const finished = (job: Job): boolean =>
    (job.status.conditions ?? []).some(
      ({ type, status: state }) => (type === 'Complete' || type === 'Failed') && state === 'True',
    );
  if (status.completionTime !== undefined && !finished({ ...before, status }))
    violations.invalid(
      'status.completionTime',
      status.completionTime,
      'cannot set completionTime when there is no Complete=True condition',
    );
  if (finished(before) && !finished({ ...before, status }))
    violations.invalid('status.conditions', status.conditions, 'a finished Job stays finished');
}
