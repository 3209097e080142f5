/** Label and field selectors: parse, match, format. Parse errors are StatusError BadRequest in Kubernetes' wording. */
import type { LabelSelector as LabelSelectorObject } from './generated/meta-v1.js';
import { validateLabelValue, validateQualifiedName } from './names.js';
import { LabelSelectorParser } from './label-selector-parser.js';
import type { LabelOperator, LabelRequirement } from './label-selector-parser.js';
import { StatusError } from './status-error.js';

export type { LabelOperator, LabelRequirement, LabelSelectorObject };

/** All requirements must hold; none at all matches everything. */
export interface LabelSelector {
  readonly requirements: readonly LabelRequirement[];
  /** Matches nothing, whatever the requirements: what an absent selector object means. */
  readonly nothing?: boolean;
}

export const everything: LabelSelector = { requirements: [] };
export const nothing: LabelSelector = { requirements: [], nothing: true };

/**
 * Reads `app=web,tier in (a, b),!legacy`. An empty text matches everything. Throws StatusError BadRequest.
 */
export function parseLabelSelector(text: string): LabelSelector {
  const requirements = new LabelSelectorParser(text).parse();
  for (const requirement of requirements) checkRequirement(requirement);
  // Like Kubernetes: in the order of keys, so that equal selectors have equal text.
  return { requirements: requirements.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)) };
}

function checkRequirement({ key, operator, values }: LabelRequirement): void {
  const wrongKey = validateQualifiedName(key);
  if (wrongKey.length > 0)
    throw unableToParse(`<nil>: Invalid value: ${JSON.stringify(key)}: ${wrongKey.join('; ')}`);
  values.forEach((value, index) => {
    if ((operator === 'gt' || operator === 'lt') && !/^[-+]?[0-9]+$/.test(value)) {
      throw unableToParse(
        `values[${String(index)}]: Invalid value: ${JSON.stringify(value)}: for 'Gt', 'Lt' operators, the value must be an integer`,
      );
    }
    const wrong = validateLabelValue(value);
    if (wrong.length > 0) {
      throw unableToParse(
        `values[${String(index)}][${key}]: Invalid value: ${JSON.stringify(value)}: ${wrong.join('; ')}`,
      );
    }
  });
}

function unableToParse(detail: string): StatusError {
  return new StatusError('BadRequest', `unable to parse requirement: ${detail}`);
}

const objectOperators: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
};

/**
 * The selector that an object (`spec.selector` of a Deployment) describes: absent selects nothing, empty everything.
 * Throws StatusError BadRequest for an operator that does not exist; validation rejects those earlier.
 */
export function selectorFromObject(selector: LabelSelectorObject | undefined): LabelSelector {
  if (selector === undefined) return nothing;
  const requirements: LabelRequirement[] = selectorFromSet(selector.matchLabels ?? {}).requirements.slice();
  for (const { key, operator, values } of selector.matchExpressions ?? []) {
    const known = objectOperators[operator];
    if (known === undefined)
      throw new StatusError('BadRequest', `"${operator}" is not a valid label selector operator`);
    requirements.push({ key, operator: known, values: values ?? [] });
  }
  return { requirements };
}

/** Equality with each label of a map (`spec.selector` of a Service); an empty map matches everything. */
export function selectorFromSet(labels: Readonly<Record<string, string>>): LabelSelector {
  return {
    requirements: Object.entries(labels)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, value]) => ({ key, operator: '=', values: [value] })),
  };
}

export function matchesLabels(
  selector: LabelSelector,
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  if (selector.nothing === true) return false;
  return selector.requirements.every((requirement) => meets(requirement, labels ?? {}));
}

function meets(requirement: LabelRequirement, labels: Readonly<Record<string, string>>): boolean {
  const { key, operator, values } = requirement;
  const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
  switch (operator) {
    case '=':
    case 'in':
      return value !== undefined && values.includes(value);
    case '!=':
    case 'notin':
      return value === undefined || !values.includes(value);
    case 'exists':
      return value !== undefined;
    case '!':
      return value === undefined;
    case 'gt':
    case 'lt':
      return value !== undefined && compareIntegers(operator, value, values[0] ?? '');
  }
}

function compareIntegers(operator: 'gt' | 'lt', value: string, bound: string): boolean {
  const isInteger = /^[-+]?[0-9]+$/;
  if (!isInteger.test(value) || !isInteger.test(bound)) return false;
  return operator === 'gt' ? BigInt(value) > BigInt(bound) : BigInt(value) < BigInt(bound);
}

/** The text form: `a=b,c in (d,e),!f`. {@link nothing} has none and throws a TypeError. */
export function formatLabelSelector(selector: LabelSelector): string {
  if (selector.nothing === true) throw new TypeError('a selector of nothing has no text form');
  return selector.requirements.map(formatRequirement).join(',');
}

function formatRequirement({ key, operator, values }: LabelRequirement): string {
  switch (operator) {
    case 'exists':
      return key;
    case '!':
      return `!${key}`;
    case 'in':
    case 'notin':
      return `${key} ${operator} (${[...values].sort().join(',')})`;
    case 'gt':
      return `${key}>${values[0] ?? ''}`;
    case 'lt':
      return `${key}<${values[0] ?? ''}`;
    case '=':
    case '!=':
      return `${key}${operator}${values[0] ?? ''}`;
  }
}

export interface FieldRequirement {
  readonly field: string;
  readonly operator: '=' | '!=';
  readonly value: string;
}

export interface FieldSelector {
  readonly requirements: readonly FieldRequirement[];
}

/**
 * Reads `metadata.name=web,spec.nodeName!=n1`; `\` escapes `,`, `=` and itself in values. Throws StatusError BadRequest.
 */
export function parseFieldSelector(text: string): FieldSelector {
  const requirements: FieldRequirement[] = [];
  for (const term of splitUnescaped(text)) {
    if (term === '') continue;
    const match = /^(.*?)(!=|==|=)(.*)$/s.exec(term);
    if (match === null)
      throw new StatusError('BadRequest', `invalid selector: '${text}'; can't understand '${term}'`);
    const [, field = '', operator, value = ''] = match;
    requirements.push({ field, operator: operator === '!=' ? '!=' : '=', value: unescapeFieldValue(value) });
  }
  return { requirements };
}

function splitUnescaped(text: string): string[] {
  return text.match(/(?:\\.|[^,\\]|\\$)+/gs) ?? [];
}

function unescapeFieldValue(value: string): string {
  if (!/[\\,=]/.test(value)) return value;
  let plain = '';
  for (let at = 0; at < value.length; at++) {
    const char = value.charAt(at);
    if (char === '\\') {
      const next = value.charAt(++at);
      if (next === '' || !'\\,='.includes(next))
        throw new StatusError('BadRequest', `invalid field selector: invalid escape sequence: \\${next}`);
      plain += next;
    } else if (char === '=') {
      throw new StatusError(
        'BadRequest',
        `invalid field selector: unescaped character in value: ${JSON.stringify(char)}`,
      );
    } else plain += char;
  }
  return plain;
}

/** Throws StatusError BadRequest when the selector names a field that the resource cannot be selected by. */
export function requireSupportedFields(selector: FieldSelector, supported: ReadonlySet<string>): void {
  for (const { field } of selector.requirements) {
    if (!supported.has(field)) throw new StatusError('BadRequest', `field label not supported: ${field}`);
  }
}

/** A field that is not in the map counts as empty, as it does in Kubernetes. */
export function matchesFields(selector: FieldSelector, fields: Readonly<Record<string, string>>): boolean {
  return selector.requirements.every(
    ({ field, operator, value }) => ((fields[field] ?? '') === value) === (operator === '='),
  );
}

export function formatFieldSelector(selector: FieldSelector): string {
  return selector.requirements
    .map(({ field, operator, value }) => `${field}${operator}${value.replaceAll(/[\\,=]/g, '\\$&')}`)
    .join(',');
}
