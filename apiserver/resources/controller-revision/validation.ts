import type { ControllerRevision } from '../../../api/generated/apps-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkImmutable } from '../checks.js';
import { validateNonNegative } from '../pod/template.js';

export function validateControllerRevision(
  { data, revision }: ControllerRevision,
  violations: Violations,
): void {
  if (data === undefined || data === null) violations.required('data', 'data is mandatory');
  validateNonNegative(revision, 'revision', violations);
}

/** History is not rewritten; only its place in the order may change. */
export function validateControllerRevisionUpdate(
  { data }: ControllerRevision,
  before: ControllerRevision,
  violations: Violations,
): void {
  checkImmutable(data, before.data, 'data', violations);
}
