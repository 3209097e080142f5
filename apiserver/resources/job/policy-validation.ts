/** What counts as the failure and as the success of a Job. */
import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
} from '../../../api/generated/batch-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateQualifiedName } from '../../../api/names.js';
import { checkOneOf } from '../checks.js';
import { validateNonNegative } from '../pod/template.js';

const actions = ['FailJob', 'FailIndex', 'Ignore', 'Count'];
const operators = ['In', 'NotIn'];
const conditionStates = ['True', 'False', 'Unknown'];
const maxRules = 20;
const maxExitCodes = 255;

export function validatePodFailurePolicy(spec: JobSpec, path: string, violations: Violations): void {
  const rules = spec.podFailurePolicy?.rules;
  if (rules === undefined) return;
  const at = `${path}.podFailurePolicy.rules`;
  if (rules.length > maxRules) violations.tooMany(at, rules.length, maxRules);
  const { containers, initContainers = [] } = spec.template.spec;
  const names = new Set([...containers, ...initContainers].map(({ name }) => name));
  for (const [index, rule] of rules.entries())
    validateRule(rule, `${at}[${index}]`, { spec, names }, violations);
}

function validateRule(
  rule: PodFailurePolicyRule,
  path: string,
  { spec, names }: { readonly spec: JobSpec; readonly names: ReadonlySet<string> },
  violations: Violations,
): void {
  if ((rule.action as string) === '')
    violations.required(`${path}.action`, `valid values: ${quoted(actions)}`);
  else checkOneOf(rule.action, actions, `${path}.action`, violations);
  if (rule.action === 'FailIndex' && spec.backoffLimitPerIndex === undefined)
    violations.invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set');
  const conditions = rule.onPodConditions ?? [];
  if (rule.onExitCodes !== undefined) {
    validateExitCodes(rule.onExitCodes, `${path}.onExitCodes`, names, violations);
    if (conditions.length > 0)
      violations.invalid(path, rule, 'specifying both OnExitCodes and OnPodConditions is not supported');
  } else if (conditions.length === 0)
    violations.invalid(path, rule, 'specifying one of OnExitCodes and OnPodConditions is required');
  validateConditions(conditions, `${path}.onPodConditions`, violations);
}

function validateExitCodes(
  { operator, containerName, values }: PodFailurePolicyOnExitCodesRequirement,
  path: string,
  names: ReadonlySet<string>,
  violations: Violations,
): void {
  if ((operator as string) === '')
    violations.required(`${path}.operator`, `valid values: ${quoted(operators)}`);
  else checkOneOf(operator, operators, `${path}.operator`, violations);
  if (containerName !== undefined && !names.has(containerName))
    violations.invalid(
      `${path}.containerName`,
      containerName,
      'must be one of the container or initContainer names in the pod template',
    );
  if (values.length === 0) violations.invalid(`${path}.values`, values, 'at least one value is required');
  if (values.length > maxExitCodes) violations.tooMany(`${path}.values`, values.length, maxExitCodes);
  if (values.some((value, index) => index > 0 && value < (values[index - 1] ?? value)))
    violations.invalid(`${path}.values`, values, 'must be ordered');
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0)
      violations.invalid(`${path}.values[${index}]`, value, 'must not be 0 for the In operator');
    if (seen.has(value)) violations.duplicate(`${path}.values[${index}]`, value);
    seen.add(value);
  }
}

function validateConditions(
  patterns: readonly PodFailurePolicyOnPodConditionsPattern[],
  path: string,
  violations: Violations,
): void {
  if (patterns.length > maxRules) violations.tooMany(path, patterns.length, maxRules);
  for (const [index, { type, status = '' }] of patterns.entries()) {
    violations.invalidEach(`${path}[${index}].type`, type, validateQualifiedName(type));
    if (status === '')
      violations.required(`${path}[${index}].status`, `valid values: ${quoted(conditionStates)}`);
    else checkOneOf(status, conditionStates, `${path}[${index}].status`, violations);
  }
}

export function validateSuccessPolicy(spec: JobSpec, path: string, violations: Violations): void {
  const policy = spec.successPolicy;
  if (policy === undefined) return;
  const at = `${path}.successPolicy`;
  if (spec.completionMode !== 'Indexed') {
    violations.invalid(at, policy, 'requires indexed completion mode');
    return;
  }
  const { rules } = policy;
  if (rules.length === 0)
    violations.required(
      `${at}.rules`,
      'at least one rules must be specified when the successPolicy is specified',
    );
  if (rules.length > maxRules) violations.tooMany(`${at}.rules`, rules.length, maxRules);
  for (const [index, { succeededCount, succeededIndexes }] of rules.entries()) {
    const rule = `${at}.rules[${index}]`;
    if (succeededCount === undefined && succeededIndexes === undefined)
      violations.required(rule, 'at least one of succeededCount or succeededIndexes must be specified');
    const problem =
      succeededIndexes === undefined ? undefined : indexesProblem(succeededIndexes, spec.completions ?? 0);
    if (problem !== undefined) violations.invalid(`${rule}.succeededIndexes`, succeededIndexes, problem);
    if (succeededCount === undefined) continue;
    validateNonNegative(succeededCount, `${rule}.succeededCount`, violations);
    if (succeededCount > (spec.completions ?? 0))
      violations.invalid(
        `${rule}.succeededCount`,
        succeededCount,
        `must be less than or equal to ${String(spec.completions ?? 0)} (the number of specified completions)`,
      );
  }
}

/** `1,3-5,7`: in order, without gaps that overlap, below the number of completions. */
function indexesProblem(text: string, completions: number): string | undefined {
  let last = -1;
  for (const part of text.split(',')) {
    const range = /^(\d+)(?:-(\d+))?$/.exec(part);
    if (range === null) return `cannot convert string to integer for index: ${JSON.stringify(part)}`;
    const first = Number(range[1]);
    const end = Number(range[2] ?? range[1]);
    if (first >= completions || end >= completions) return 'too large index';
    if (first > end || (range[2] !== undefined && first === end))
      return `non-increasing order, previous: ${String(first)}, current: ${String(end)}`;
    if (first <= last) return `non-increasing order, previous: ${String(last)}, current: ${String(first)}`;
    last = end;
  }
  return undefined;
}

function quoted(values: readonly string[]): string {
  return values.map((one) => JSON.stringify(one)).join(', ');
}
