import type { ResourceQuota, ScopedResourceSelectorRequirement } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateQualifiedName } from '../../../api/names.js';
import { checkImmutable, checkNonNegativeQuantity } from '../checks.js';
import { parseQuantity } from '../../../api/quantity.js';

const computeResources = ['cpu', 'memory', 'ephemeral-storage'];
const countedObjects = [
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
];
/** What a quota may name without a prefix that says whose it is. */
const standardResources: ReadonlySet<string> = new Set([
  ...computeResources,
  ...computeResources.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
  'storage',
  'requests.storage',
  ...countedObjects,
]);
const hugePages = /^(?:requests\.)?hugepages-/;
const extended = /^requests\./;
const counts: ReadonlySet<string> = new Set(countedObjects);

const podScopes = [
  'Terminating',
  'NotTerminating',
  'BestEffort',
  'NotBestEffort',
  'PriorityClass',
  'CrossNamespacePodAffinity',
];
const scopes: ReadonlySet<string> = new Set([...podScopes, 'VolumeAttributesClass']);
const opposites = [
  ['Terminating', 'NotTerminating'],
  ['BestEffort', 'NotBestEffort'],
] as const;
const podResources: ReadonlySet<string> = new Set([
  'pods',
  ...computeResources,
  ...computeResources.flatMap((name) => [`requests.${name}`, `limits.${name}`]),
]);
const nanosPerUnit = 1_000_000_000n;

export function validateQuota({ spec }: ResourceQuota, violations: Violations): void {
  validateAmounts(spec.hard, 'spec.hard', violations);
  validateScopes(spec.scopes ?? [], Object.keys(spec.hard ?? {}), violations);
  for (const [index, requirement] of (spec.scopeSelector?.matchExpressions ?? []).entries())
    validateRequirement(requirement, `spec.scopeSelector.matchExpressions[${index}]`, violations);
}

function validateAmounts(
  amounts: Readonly<Record<string, string>> | undefined,
  path: string,
  violations: Violations,
): void {
  for (const [name, amount] of Object.entries(amounts ?? {})) {
    const at = `${path}[${name}]`;
    violations.invalidEach(at, name, validateQualifiedName(name));
    if (!name.includes('/') && !isStandard(name))
      violations.invalid(at, name, 'must be a standard resource for quota');
    checkNonNegativeQuantity(amount, at, violations);
    if ((counts.has(name) || name.startsWith('count/')) && parseQuantity(amount).nanos % nanosPerUnit !== 0n)
      violations.invalid(at, amount, 'must be an integer');
  }
}

function isStandard(name: string): boolean {
  return standardResources.has(name) || hugePages.test(name);
}

/** A scope narrows a quota to some objects, so everything that it counts must be about those. */
function validateScopes(
  given: readonly string[],
  resources: readonly string[],
  violations: Violations,
): void {
  for (const [index, scope] of given.entries()) {
    if (!scopes.has(scope)) violations.invalid('spec.scopes', given, 'unsupported scope');
    if (given.indexOf(scope) !== index) violations.duplicate(`spec.scopes[${index}]`, scope);
    const allowed = scope === 'BestEffort' ? new Set(['pods']) : podResources;
    if (
      podScopes.includes(scope) &&
      resources.some((name) => !allowed.has(name) && !extended.test(name) && !hugePages.test(name))
    )
      violations.invalid('spec.scopes', given, 'unsupported scope applied to resource');
  }
  for (const pair of opposites)
    if (pair.every((scope) => given.includes(scope)))
      violations.invalid('spec.scopes', given, 'conflicting scopes');
}

function validateRequirement(
  { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement,
  path: string,
  violations: Violations,
): void {
  if (!scopes.has(scopeName)) violations.invalid(`${path}.scopeName`, scopeName, 'unsupported scope');
  const bare = scopeName !== 'PriorityClass' && scopeName !== 'VolumeAttributesClass';
  if (bare && operator !== 'Exists')
    violations.invalid(
      `${path}.operator`,
      operator,
      "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
    );
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        violations.required(
          `${path}.values`,
          "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        );
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        violations.invalid(
          `${path}.values`,
          values,
          "must be no value when `operator` is 'Exists' or 'DoesNotExist' for scope selector",
        );
      break;
    default:
      violations.invalid(`${path}.operator`, operator, 'not a valid selector operator');
  }
}

export function validateQuotaUpdate(
  { spec }: ResourceQuota,
  before: ResourceQuota,
  violations: Violations,
): void {
  checkImmutable(
    [...(spec.scopes ?? [])].sort(),
    [...(before.spec.scopes ?? [])].sort(),
    'spec.scopes',
    violations,
  );
}

export function validateQuotaStatus(
  { status }: ResourceQuota,
  _: ResourceQuota,
  violations: Violations,
): void {
  validateAmounts(status.hard, 'status.hard', violations);
  validateAmounts(status.used, 'status.used', violations);
}
