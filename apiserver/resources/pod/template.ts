/** What ReplicationController, ReplicaSet and Deployment share: a selector, a template and a number of replicas. */
import { isDeepStrictEqual } from 'node:util';
import type { PodTemplateSpec } from '../../../api/generated/core-v1.js';
import type { LabelSelector as LabelSelectorObject } from '../../../api/generated/meta-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateLabelValue, validateQualifiedName } from '../../../api/names.js';
import { matchesLabels, selectorFromObject } from '../../../api/selectors.js';
import { validatePodTemplate } from './validation.js';

/** `value` is an int32 that is not negative. */
export function validateNonNegative(value: number | undefined, path: string, violations: Violations): void {
  if (value !== undefined && value < 0) violations.invalid(path, value, 'must be greater than or equal to 0');
}

const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];

/** The form of a LabelSelector object; true when it can be used. */
export function validateLabelSelector(
  selector: LabelSelectorObject,
  path: string,
  violations: Violations,
): boolean {
  const before = violations.causes.length;
  for (const [key, value] of Object.entries(selector.matchLabels ?? {})) {
    violations.invalidEach(`${path}.matchLabels`, key, validateQualifiedName(key));
    violations.invalidEach(`${path}.matchLabels`, value, validateLabelValue(value));
  }
  for (const [index, { key, operator, values = [] }] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    violations.invalidEach(`${at}.key`, key, validateQualifiedName(key));
    if (!operators.includes(operator))
      violations.invalid(`${at}.operator`, operator, 'not a valid selector operator');
    const needsValues = operator === 'In' || operator === 'NotIn';
    if (needsValues && values.length === 0)
      violations.required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'");
    if (!needsValues && values.length > 0)
      violations.forbidden(
        `${at}.values`,
        "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
      );
  }
  return violations.causes.length === before;
}

/** Selector and template of an apps/v1 workload: the template's pods must be selected. */
export function validateWorkload(
  spec: {
    readonly replicas?: number;
    readonly minReadySeconds?: number;
    readonly selector: LabelSelectorObject | undefined;
    readonly template: PodTemplateSpec | undefined;
  },
  kindInWords: string,
  violations: Violations,
): void {
  validateNonNegative(spec.replicas, 'spec.replicas', violations);
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', violations);
  const { selector, template } = spec;
  const terms = Object.keys(selector?.matchLabels ?? {}).length + (selector?.matchExpressions ?? []).length;
  if (selector === undefined) violations.required('spec.selector');
  else if (terms === 0) {
    violations.invalid('spec.selector', selector, `empty selector is invalid for ${kindInWords}`);
  }
  const usable = selector !== undefined && validateLabelSelector(selector, 'spec.selector', violations);
  if (template === undefined) {
    violations.required('spec.template');
    return;
  }
  const labels = template.metadata.labels;
  if (usable && terms > 0 && !matchesLabels(selectorFromObject(selector), labels))
    violations.invalid(
      'spec.template.metadata.labels',
      labels,
      '`selector` does not match template `labels`',
    );
  validatePodTemplate(template, 'spec.template', violations);
}

/** In apps/v1 a selector is for life. */
export function validateSelectorUnchanged(
  selector: LabelSelectorObject | undefined,
  before: LabelSelectorObject | undefined,
  violations: Violations,
): void {
  if (!isDeepStrictEqual(selector, before))
    violations.invalid('spec.selector', selector, 'field is immutable');
}
