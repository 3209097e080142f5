/** Reads the query parameters that several verbs share. All of them throw BadRequest or Invalid. */
import { Violations } from '../../api/field-path.js';
import { nanosecondsOf } from '../../api/protobuf/duration.js';
import { invalid, StatusError } from '../../api/status-error.js';
import type { Exchange } from '../http/exchange.js';

type Asked = Pick<Exchange, 'query'>;
type OptionsKind = 'ListOptions' | 'CreateOptions' | 'UpdateOptions' | 'PatchOptions' | 'DeleteOptions';

const kindOfMethod: Readonly<Record<string, OptionsKind>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
  DELETE: 'DeleteOptions',
};

/** Refuses what contradicts itself or does not exist: the options are checked as an object of the API is. */
export function checkOptions(kind: OptionsKind, check: (violations: Violations) => void): void {
  const violations = new Violations();
  check(violations);
  if (violations.any) throw invalidOptions(kind, violations);
}

function invalidOptions(kind: OptionsKind, violations: Violations): StatusError {
  return invalid({ group: 'meta.k8s.io', resource: kind.toLowerCase(), kind }, '', violations.causes);
}

/** `dryRun=All` does everything but the write. */
export function readDryRun({ query, method }: Pick<Exchange, 'query' | 'method'>): boolean {
  const values = query.getAll('dryRun');
  checkOptions(kindOfMethod[method] ?? 'UpdateOptions', (violations) => {
    checkDryRun(values, violations);
  });
  return values.length > 0;
}

export function checkDryRun(values: readonly string[], violations: Violations): void {
  if (values.some((value) => value !== 'All')) violations.notSupported('dryRun', values, ['All']);
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** What is to happen about fields that the schema does not know. */
export function readFieldValidation({ query, method }: Pick<Exchange, 'query' | 'method'>): FieldValidation {
  const value = query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  const violations = new Violations();
  violations.notSupported('fieldValidation', value, ['', 'Ignore', 'Strict', 'Warn']);
  throw invalidOptions(kindOfMethod[method] ?? 'UpdateOptions', violations);
}

/** `true`, `1` and an empty value are yes, as in Kubernetes' conversion of query parameters. */
export function readBoolean({ query }: Asked, name: string): boolean | undefined {
  const value = query.get(name);
  if (value === null) return undefined;
  return value.toLowerCase() !== 'false' && value !== '0';
}

/** An integer that is not negative. */
export function readInteger(asked: Asked, name: string): number | undefined {
  const number = readSignedInteger(asked, name);
  if (number !== undefined && number < 0) throw notANumber(name, String(number), 'a non-negative integer');
  return number;
}

export function readSignedInteger({ query }: Asked, name: string): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  const number = Number(value);
  if (!/^[-+]?\d+$/.test(value) || !Number.isSafeInteger(number)) throw notANumber(name, value, 'an integer');
  return number;
}

/**
 * How long the request may take: `timeout=30s` in the query where that is shorter than the server's own limit; 0 and
 * negative ones are the server's, too.
 */
export function readTimeoutMs({ query }: Asked, limitMs: number): number {
  const text = query.get('timeout') ?? '';
  if (text === '') return limitMs;
  let asked: number;
  try {
    asked = nanosecondsOf(text) / 1e6;
  } catch (cause) {
    throw new StatusError(
      'BadRequest',
      `invalid timeout specified in the request URL - timeout: ${JSON.stringify(text)} is no duration such as 30s or 1m30s`,
      { cause },
    );
  }
  return asked > 0 ? Math.min(asked, limitMs) : limitMs;
}

function notANumber(name: string, value: string, wanted: string): StatusError {
  return new StatusError('BadRequest', `${name}: Invalid value: ${JSON.stringify(value)}: must be ${wanted}`);
}

/** The resourceVersion parameter as a revision; undefined when it is not given. */
export function readResourceVersion({ query }: Asked): number | undefined {
  const value = query.get('resourceVersion');
  return value === null || value === '' ? undefined : parseResourceVersion(value);
}

export function parseResourceVersion(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(number))
    throw new StatusError(
      'BadRequest',
      `resourceVersion: Invalid value: ${JSON.stringify(value)}: must be an unsigned integer`,
    );
  return number;
}
