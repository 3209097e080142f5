/** What may change about a Job: how many pods run at once, and where they run while none has started. */
import { isDeepStrictEqual } from 'node:util';
import type { Job, JobSpec } from '../../../api/generated/batch-v1.js';
import type { PodTemplateSpec } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { omit } from '../../omit.js';
import { checkImmutable } from '../checks.js';

const immutable = [
  'selector',
  'completionMode',
  'podFailurePolicy',
  'backoffLimitPerIndex',
  'managedBy',
  'successPolicy',
] as const;

export function validateJobUpdate({ spec }: Job, before: Job, violations: Violations): void {
  validateCompletions(spec, before.spec, violations);
  for (const field of immutable) checkImmutable(spec[field], before.spec[field], `spec.${field}`, violations);
  const movable = before.spec.suspend === true && before.status.startTime === undefined;
  const next = movable ? withoutPlacement(spec.template) : spec.template;
  const old = movable ? withoutPlacement(before.spec.template) : before.spec.template;
  if (!isDeepStrictEqual(next, old)) violations.invalid('spec.template', spec.template, 'field is immutable');
}

/** An indexed Job may grow and shrink as long as all of its indexes run at once. */
function validateCompletions(spec: JobSpec, before: JobSpec, violations: Violations): void {
  const path = 'spec.completions';
  if (spec.completions === before.completions) return;
  if (spec.completionMode !== 'Indexed') {
    violations.invalid(path, spec.completions, 'field is immutable');
    return;
  }
  if (spec.completions === undefined || before.completions === undefined)
    violations.required(path, 'when completion mode is Indexed');
  else if (spec.completions !== spec.parallelism)
    violations.invalid(path, spec.completions, 'can only be modified in tandem with spec.parallelism');
}

/** While a Job is suspended and has never run, a queue may still decide where its pods go. */
function withoutPlacement({ metadata, spec }: PodTemplateSpec): object {
  return {
    metadata: omit(metadata, 'labels', 'annotations'),
    spec: omit(spec, 'nodeSelector', 'affinity', 'tolerations', 'schedulingGates'),
  };
}
