/** What all workloads share: a selector, a template, numbers of pods. */
import type { PodTemplateSpec } from '../../../api/generated/core-v1.js';
import type { LabelSelector as LabelSelectorObject } from '../../../api/generated/meta-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateLabelValue, validateQualifiedName } from '../../../api/names.js';
import { matchesLabels, selectorFromObject } from '../../../api/selectors.js';
import { checkImmutable } from '../checks.js';
import { validatePodTemplate, validateRunsForever } from './validation.js';

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

/** A number of pods, absolute or as a percentage of those that are wanted. */
export function validateShare(value: number | string, path: string, violations: Violations): void {
  if (typeof value === 'number') validateNonNegative(value, path, violations);
  else if (!/^[0-9]+%$/.test(value))
    violations.invalid(
      path,
      value,
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
    );
}

/** The number in a share, be it of pods or of percents. */
export function shareAmount(value: number | string): number {
  return typeof value === 'number' ? value : Number.parseInt(value, 10);
}

export function validateNotAbove100Percent(
  value: number | string,
  path: string,
  violations: Violations,
): void {
  if (typeof value === 'string' && shareAmount(value) > 100)
    violations.invalid(path, value, 'must not be greater than 100%');
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
  kindOfDeadline = 'ReplicaSet',
): void {
  validateNonNegative(spec.replicas, 'spec.replicas', violations);
  validateNonNegative(spec.minReadySeconds, 'spec.minReadySeconds', violations);
  const { selector, template } = spec;
  const usable = validateWorkloadSelector(
    selector,
    `empty selector is invalid for ${kindInWords}`,
    violations,
  );
  if (template === undefined) {
    violations.required('spec.template');
    return;
  }
  if (usable) validateSelected(selector, template, violations);
  validatePodTemplate(template, 'spec.template', violations);
  validateRunsForever(template, 'spec.template', kindOfDeadline, violations);
}

/** True when it selects something that can be compared with a template. */
export function validateWorkloadSelector(
  selector: LabelSelectorObject | undefined,
  problemOfEmpty: string,
  violations: Violations,
): selector is LabelSelectorObject {
  if (selector === undefined) {
    violations.required('spec.selector');
    return false;
  }
  const terms = Object.keys(selector.matchLabels ?? {}).length + (selector.matchExpressions ?? []).length;
  if (terms === 0) violations.invalid('spec.selector', selector, problemOfEmpty);
  return validateLabelSelector(selector, 'spec.selector', violations) && terms > 0;
}

/** A workload that did not select its own pods would make them without end. */
export function validateSelected(
  selector: LabelSelectorObject,
  { metadata: { labels } }: PodTemplateSpec,
  violations: Violations,
): void {
  if (!matchesLabels(selectorFromObject(selector), labels))
    violations.invalid(
      'spec.template.metadata.labels',
      labels,
      '`selector` does not match template `labels`',
    );
}

/** In apps/v1 a selector is for life. */
export function validateSelectorUnchanged(
  selector: LabelSelectorObject | undefined,
  before: LabelSelectorObject | undefined,
  violations: Violations,
): void {
  checkImmutable(selector, before, 'spec.selector', violations);
}
