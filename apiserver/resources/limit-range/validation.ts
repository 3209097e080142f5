import type { LimitRange, LimitRangeItem } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateQualifiedName } from '../../../api/names.js';
import { compareQuantities, quantityToNumber } from '../../../api/quantity.js';

export function validateLimitRange({ spec }: LimitRange, violations: Violations): void {
  const types = new Set<string>();
  for (const [index, item] of spec.limits.entries()) {
    const path = `spec.limits[${index}]`;
    violations.invalidEach(`${path}.type`, item.type, validateQualifiedName(item.type));
    if (types.has(item.type)) violations.duplicate(`${path}.type`, item.type);
    types.add(item.type);
    validateItem(item, path, violations);
  }
}

const amountFields = ['max', 'min', 'default', 'defaultRequest', 'maxLimitRequestRatio'] as const;

function validateItem(item: LimitRangeItem, path: string, violations: Violations): void {
  for (const field of amountFields)
    for (const name of Object.keys(item[field] ?? {}))
      violations.invalidEach(`${path}.${field}[${name}]`, name, validateQualifiedName(name));
  if (item.type === 'Pod') {
    for (const field of ['default', 'defaultRequest'] as const)
      if (Object.keys(item[field] ?? {}).length > 0)
        violations.forbidden(`${path}.${field}`, "may not be specified when `type` is 'Pod'");
  }
  if (
    item.type === 'PersistentVolumeClaim' &&
    item.min?.['storage'] === undefined &&
    item.max?.['storage'] === undefined
  )
    violations.required(
      `${path}.limits`,
      'either minimum or maximum storage value is required, but neither was provided',
    );
  const names = new Set(amountFields.flatMap((field) => Object.keys(item[field] ?? {})));
  for (const name of names) validateOrder(item, name, path, violations);
}

/** The least, the default request, the default limit and the most stand in this order. */
function validateOrder(item: LimitRangeItem, name: string, path: string, violations: Violations): void {
  const { min, max, default: limit, defaultRequest: request, maxLimitRequestRatio } = item;
  const ordered = (
    lower: string | undefined,
    upper: string | undefined,
    field: string,
    words: (lower: string, upper: string) => string,
    value: string | undefined,
  ): void => {
    if (lower !== undefined && upper !== undefined && compareQuantities(lower, upper) > 0)
      violations.invalid(`${path}.${field}[${name}]`, value, words(lower, upper));
  };
  const [least, most, byDefault, asked] = [min?.[name], max?.[name], limit?.[name], request?.[name]];
  ordered(least, most, 'min', (a, b) => `min value ${a} is greater than max value ${b}`, least);
  ordered(
    least,
    asked,
    'defaultRequest',
    (a, b) => `min value ${a} is greater than default request value ${b}`,
    asked,
  );
  ordered(
    asked,
    most,
    'defaultRequest',
    (a, b) => `default request value ${a} is greater than max value ${b}`,
    asked,
  );
  ordered(
    asked,
    byDefault,
    'defaultRequest',
    (a, b) => `default request value ${a} is greater than default limit value ${b}`,
    asked,
  );
  ordered(least, byDefault, 'default', (a, b) => `min value ${a} is greater than default value ${b}`, least);
  ordered(byDefault, most, 'default', (a, b) => `default value ${a} is greater than max value ${b}`, most);
  const ratio = maxLimitRequestRatio?.[name];
  if (ratio !== undefined)
    validateRatio(ratio, least, most, `${path}.maxLimitRequestRatio[${name}]`, violations);
}

function validateRatio(
  ratio: string,
  least: string | undefined,
  most: string | undefined,
  path: string,
  violations: Violations,
): void {
  if (quantityToNumber(ratio) < 1) violations.invalid(path, ratio, `ratio ${ratio} is less than 1`);
  if (least === undefined || most === undefined) return;
  const widest = quantityToNumber(most) / quantityToNumber(least);
  if (quantityToNumber(ratio) > widest)
    violations.invalid(path, ratio, `ratio ${ratio} is greater than max/min = ${widest.toFixed(6)}`);
}
