import type { PriorityClass } from '../../../api/generated/scheduling-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkImmutable } from '../checks.js';
import { highestUserPriority, systemClasses } from './system-classes.js';

const preemptionPolicies = ['Never', 'PreemptLowerPriority'];
const systemPrefix = 'system-';

export function validatePriorityClass(priorityClass: PriorityClass, violations: Violations): void {
  const { metadata, value, globalDefault, preemptionPolicy = '' } = priorityClass;
  if (metadata.name.startsWith(systemPrefix)) {
    const problem = systemProblem(metadata.name, value, globalDefault === true);
    if (problem !== undefined)
      violations.forbidden(
        'metadata.name',
        `priority class names with '${systemPrefix}' prefix are reserved for system use only. error: ${problem}`,
      );
  } else if (value > highestUserPriority) {
    violations.forbidden(
      'value',
      `maximum allowed value of a user defined priority is ${String(highestUserPriority)}`,
    );
  }
  if (!preemptionPolicies.includes(preemptionPolicy))
    violations.notSupported('preemptionPolicy', preemptionPolicy, preemptionPolicies);
}

function systemProblem(name: string, value: number, isDefault: boolean): string | undefined {
  const known = systemClasses.find((one) => one.name === name);
  if (known === undefined) return `${name} is not a known system priority class`;
  if (value !== known.value) return `value of ${name} PriorityClass must be ${String(known.value)}`;
  return isDefault ? `globalDefault of ${name} PriorityClass must be false` : undefined;
}

/** Pods carry the number: a class that changed would no longer say what they have. */
export function validatePriorityClassUpdate(
  { value, preemptionPolicy }: PriorityClass,
  before: PriorityClass,
  violations: Violations,
): void {
  if (value !== before.value) violations.forbidden('value', 'may not be changed in an update.');
  checkImmutable(preemptionPolicy, before.preemptionPolicy, 'preemptionPolicy', violations);
}
