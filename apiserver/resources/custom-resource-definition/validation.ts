/** What makes a CustomResourceDefinition valid, in the wording of Kubernetes. */
import { isDeepStrictEqual } from 'node:util';
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionNames,
  CustomResourceDefinitionSpec,
} from '../../../api/generated/apiextensions-v1.js';
import { isConditionTrue } from '../../../api/custom-resources/definition-status.js';
import type { Violations } from '../../../api/field-path.js';
import { keyPath } from '../../../api/field-path.js';
import { validateDns1035Label, validateDns1123Subdomain } from '../../../api/names.js';
import { checkImmutable, checkRequired } from '../checks.js';
import { requireVersion } from '../object-meta.js';
import { validateConversion, validateConversionUpdate } from './conversion-validation.js';
import { validateRuleCosts, validateVersion } from './version-validation.js';

const scopes = ['Cluster', 'Namespaced'];

export function validateDefinition(definition: CustomResourceDefinition, violations: Violations): void {
  const { metadata, spec } = definition;
  const expected = `${spec.names.plural}.${spec.group}`;
  if (metadata.name !== expected)
    violations.invalid('metadata.name', metadata.name, 'must be spec.names.plural+"."+spec.group');
  validateGroup(spec.group, violations);
  if (spec.scope === '') violations.required('spec.scope');
  else if (!scopes.includes(spec.scope)) violations.notSupported('spec.scope', spec.scope, scopes);
  if (spec.preserveUnknownFields === true)
    violations.invalid(
      'spec.preserveUnknownFields',
      true,
      'cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead',
    );
  validateVersions(spec, violations);
  for (const field of ['plural', 'singular', 'kind', 'listKind'] as const)
    checkRequired(spec.names[field], `spec.names.${field}`, violations);
  validateNames(spec.names, 'spec.names', violations);
  validateConversion(spec.conversion, 'spec.conversion', violations);
  validateStoredVersions(definition, violations);
  validateApproval(definition, violations);
}

/** What rules cost is looked at where they are new: what was accepted once can be written again. */
export function validateDefinitionCreate(definition: CustomResourceDefinition, violations: Violations): void {
  for (const [index, version] of definition.spec.versions.entries())
    validateRuleCosts(version, `spec.versions[${index}]`, violations);
}

function validateGroup(group: string, violations: Violations): void {
  if (!checkRequired(group, 'spec.group', violations)) return;
  const problems = validateDns1123Subdomain(group);
  if (problems.length > 0) violations.invalid('spec.group', group, problems.join(','));
  else if (!group.includes('.'))
    violations.invalid('spec.group', group, 'should be a domain with at least one dot');
}

function validateVersions({ versions }: CustomResourceDefinitionSpec, violations: Violations): void {
  for (const [index, version] of versions.entries())
    validateVersion(version, `spec.versions[${index}]`, violations);
  const names = versions.map(({ name }) => name);
  if (new Set(names).size !== names.length)
    violations.invalid('spec.versions', versions, 'must contain unique version names');
  if (versions.filter(({ storage }) => storage).length !== 1)
    violations.invalid('spec.versions', versions, 'must have exactly one version marked as storage version');
}

function validateNames(names: CustomResourceDefinitionNames, path: string, violations: Violations): void {
  const check = (field: 'plural' | 'singular' | 'kind' | 'listKind', hint = ''): void => {
    const value = names[field] ?? '';
    const problems = value === '' ? [] : validateDns1035Label(hint === '' ? value : value.toLowerCase());
    if (problems.length > 0) violations.invalid(`${path}.${field}`, value, hint + problems.join(','));
  };
  const mixedCase = 'may have mixed case, but should otherwise match: ';
  check('plural');
  check('singular');
  check('kind', mixedCase);
  check('listKind', mixedCase);
  if (names.kind !== '' && names.kind === names.listKind)
    violations.invalid(`${path}.listKind`, names.listKind, 'kind and listKind may not be the same');
  for (const field of ['shortNames', 'categories'] as const)
    for (const [index, name] of (names[field] ?? []).entries()) {
      const problems = validateDns1035Label(name);
      if (problems.length > 0) violations.invalid(`${path}.${field}[${index}]`, name, problems.join(','));
    }
}

function validateStoredVersions({ spec, status }: CustomResourceDefinition, violations: Violations): void {
  const path = 'status.storedVersions';
  const stored = status.storedVersions ?? [];
  if (stored.length === 0) {
    violations.invalid(path, stored, 'must have at least one stored version');
    return;
  }
  for (const { name, storage } of spec.versions)
    if (storage && !stored.includes(name))
      violations.invalid(path, stored, `must have the storage version ${name}`);
  for (const [index, name] of stored.entries())
    if (!spec.versions.some((version) => version.name === name))
      violations.invalid(
        `${path}[${index}]`,
        name,
        `missing from spec.versions; ${name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in ${name} and removes ${name} from status.storedVersions`,
      );
}

const approvalAnnotation = 'api-approved.kubernetes.io';

/** The groups of the community are not for everybody to add kinds to. */
function validateApproval({ metadata, spec }: CustomResourceDefinition, violations: Violations): void {
  if (!/(^|\.)(k8s|kubernetes)\.io$/.test(spec.group)) return;
  const path = keyPath('metadata.annotations', approvalAnnotation);
  const approval = metadata.annotations?.[approvalAnnotation];
  if (approval === undefined || approval === '') {
    violations.required(
      path,
      'protected groups must have approval annotation "api-approved.kubernetes.io", see https://github.com/kubernetes/enhancements/pull/1111',
    );
    return;
  }
  if (approval.startsWith('unapproved') || URL.canParse(approval)) return;
  violations.invalid(
    path,
    approval,
    'protected groups must have approval annotation "api-approved.kubernetes.io" with either a URL or a reason starting with "unapproved", see https://github.com/kubernetes/enhancements/pull/1111',
  );
}

export function validateDefinitionUpdate(
  definition: CustomResourceDefinition,
  before: CustomResourceDefinition,
  violations: Violations,
): void {
  requireVersion(definition, violations);
  const { spec } = definition;
  if (isConditionTrue(before, 'Established')) {
    checkImmutable(spec.scope, before.spec.scope, 'spec.scope', violations);
    checkImmutable(spec.names.kind, before.spec.names.kind, 'spec.names.kind', violations);
    validateConversionUpdate(spec.conversion, before.spec.conversion, 'spec.conversion', violations);
  }
  checkImmutable(spec.group, before.spec.group, 'spec.group', violations);
  for (const [index, version] of spec.versions.entries()) {
    const known = before.spec.versions.find(({ name }) => name === version.name);
    if (!isDeepStrictEqual(known?.schema, version.schema))
      validateRuleCosts(version, `spec.versions[${index}]`, violations);
  }
  checkImmutable(spec.names.plural, before.spec.names.plural, 'spec.names.plural', violations);
}

export function validateDefinitionStatus(
  definition: CustomResourceDefinition,
  _before: CustomResourceDefinition,
  violations: Violations,
): void {
  const { acceptedNames } = definition.status;
  if (acceptedNames !== undefined) validateNames(acceptedNames, 'status.acceptedNames', violations);
}
