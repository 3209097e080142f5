import { isDeepStrictEqual } from 'node:util';
import type { TopologySelectorTerm } from '../../../api/generated/core-v1.js';
import type { StorageClass } from '../../../api/generated/storage-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateLabelValue, validateQualifiedName } from '../../../api/names.js';
import { checkDriverParameters, checkImmutable, checkOneOf, checkRequired, checkUnique } from '../checks.js';

const reclaimPolicies = ['Delete', 'Retain'];
const bindingModes = ['Immediate', 'WaitForFirstConsumer'];

export function validateStorageClass(storageClass: StorageClass, violations: Violations): void {
  const { provisioner } = storageClass;
  if (checkRequired(provisioner, 'provisioner', violations))
    violations.invalidEach('provisioner', provisioner, validateQualifiedName(provisioner.toLowerCase()));
  checkDriverParameters(storageClass.parameters, 'parameters', violations);
  checkOneOf(storageClass.reclaimPolicy, reclaimPolicies, 'reclaimPolicy', violations);
  checkOneOf(storageClass.volumeBindingMode, bindingModes, 'volumeBindingMode', violations);
  for (const [index, term] of (storageClass.allowedTopologies ?? []).entries())
    validateTopologyTerm(term, `allowedTopologies[${index}]`, violations);
}

function validateTopologyTerm(term: TopologySelectorTerm, path: string, violations: Violations): void {
  const expressions = term.matchLabelExpressions ?? [];
  for (const [index, { key, values }] of expressions.entries()) {
    const at = `${path}.matchLabelExpressions[${index}]`;
    violations.invalidEach(`${at}.key`, key, validateQualifiedName(key));
    if (values.length === 0) violations.required(`${at}.values`);
    for (const [position, value] of values.entries())
      violations.invalidEach(`${at}.values[${position}]`, value, validateLabelValue(value));
    checkUnique(values, (position) => `${at}.values[${position}]`, violations);
  }
  checkUnique(
    expressions.map(({ key }) => key),
    (index) => `${path}.matchLabelExpressions[${index}].key`,
    violations,
  );
}

/** What volumes were made with does not change behind their backs. */
export function validateStorageClassUpdate(
  storageClass: StorageClass,
  before: StorageClass,
  violations: Violations,
): void {
  for (const field of ['parameters', 'provisioner', 'reclaimPolicy'] as const)
    if (!isDeepStrictEqual(storageClass[field], before[field]))
      violations.forbidden(field, `updates to ${field} are forbidden.`);
  checkImmutable(storageClass.volumeBindingMode, before.volumeBindingMode, 'volumeBindingMode', violations);
}
