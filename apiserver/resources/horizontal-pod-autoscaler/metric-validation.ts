/** What an autoscaler looks at: one source a metric, with a target that fits it. */
import type {
  CrossVersionObjectReference,
  MetricSpec,
  MetricTarget,
} from '../../../api/generated/autoscaling-v2.js';
import type { Violations } from '../../../api/field-path.js';
import { validatePathSegmentName } from '../../../api/names.js';
import { compareQuantities } from '../../../api/quantity.js';
import { checkOneOf, checkRequired, checkRequiredName } from '../checks.js';

/** Type of a metric to the field that describes it. */
const fieldOfType: Readonly<Record<string, Source>> = {
  ContainerResource: 'containerResource',
  External: 'external',
  Object: 'object',
  Pods: 'pods',
  Resource: 'resource',
};
type Source = 'object' | 'pods' | 'resource' | 'containerResource' | 'external';
const sources: readonly Source[] = ['object', 'external', 'pods', 'resource', 'containerResource'];
const targetTypes = ['Utilization', 'Value', 'AverageValue'];

/** Kind and name of another object, each fit for a path. */
export function validateReference(
  { kind, name }: CrossVersionObjectReference,
  path: string,
  violations: Violations,
): void {
  checkRequiredName(kind, validatePathSegmentName, `${path}.kind`, violations);
  checkRequiredName(name, validatePathSegmentName, `${path}.name`, violations);
}

export function validateMetric(metric: MetricSpec, path: string, violations: Violations): void {
  if (metric.type === '') violations.required(`${path}.type`, 'must specify a metric source type');
  checkOneOf(metric.type, Object.keys(fieldOfType), `${path}.type`, violations);
  const given = sources.filter((source) => metric[source] !== undefined);
  const expected = fieldOfType[metric.type];
  if (expected !== undefined && metric[expected] === undefined)
    violations.required(`${path}.${expected}`, 'must populate information for the given metric source');
  for (const source of given.filter((one) => one !== expected))
    violations.forbidden(`${path}.${source}`, 'must populate the given metric source only');
  const [first] = given;
  if (first !== undefined) validateSource(metric, first, `${path}.${first}`, violations);
}

function validateSource(metric: MetricSpec, source: Source, path: string, violations: Violations): void {
  const { object, pods, resource, containerResource, external } = metric;
  const utilization = resource ?? containerResource;
  if (utilization !== undefined && (source === 'resource' || source === 'containerResource')) {
    checkRequired(utilization.name, `${path}.name`, violations, 'must specify a resource name');
    if (source === 'containerResource')
      checkRequired(
        containerResource?.container,
        `${path}.container`,
        violations,
        'must specify a container',
      );
    validateTarget(utilization.target, `${path}.target`, violations);
    validateUtilizationTarget(utilization.target, `${path}.target`, violations);
    return;
  }
  const described = object ?? pods ?? external;
  if (described === undefined) return;
  if (object !== undefined) validateReference(object.describedObject, `${path}.describedObject`, violations);
  checkRequiredName(described.metric.name, validatePathSegmentName, `${path}.metric.name`, violations);
  validateTarget(described.target, `${path}.target`, violations);
  const { value, averageValue } = described.target;
  if (source === 'pods') {
    if (!isPositive(averageValue))
      violations.required(`${path}.target.averageValue`, 'must specify a positive target averageValue');
    return;
  }
  if (value === undefined && averageValue === undefined)
    violations.required(`${path}.target.averageValue`, 'must set either a target value or averageValue');
  if (source === 'external' && value !== undefined && averageValue !== undefined)
    violations.forbidden(
      `${path}.target.value`,
      'may not set both a target value for metric and a per-pod target',
    );
}

function validateTarget(target: MetricTarget, path: string, violations: Violations): void {
  if (target.type === '') violations.required(`${path}.type`, 'must specify a metric target type');
  checkOneOf(target.type, targetTypes, `${path}.type`, violations);
  for (const field of ['value', 'averageValue'] as const)
    if (target[field] !== undefined && !isPositive(target[field]))
      violations.invalid(`${path}.${field}`, target[field], 'must be positive');
  const percent = target.averageUtilization;
  if (percent !== undefined && percent < 1)
    violations.invalid(`${path}.averageUtilization`, percent, 'must be greater than 0');
}

function validateUtilizationTarget(target: MetricTarget, path: string, violations: Violations): void {
  const { averageUtilization, averageValue } = target;
  if (averageUtilization === undefined && averageValue === undefined)
    violations.required(
      `${path}.averageUtilization`,
      'must set either a target raw value or a target utilization',
    );
  if (averageUtilization !== undefined && averageValue !== undefined)
    violations.forbidden(
      `${path}.averageValue`,
      'may not set both a target raw value and a target utilization',
    );
}

function isPositive(quantity: string | undefined): boolean {
  return quantity !== undefined && compareQuantities(quantity, '0') > 0;
}
