/** Reads the query parameters that several verbs share. All of them throw BadRequest or Invalid. */
import { StatusError } from '../../api/status-error.js';
import type { Exchange } from '../http/exchange.js';

/** `dryRun=All` does everything but the write. */
export function readDryRun(exchange: Exchange): boolean {
  const values = exchange.query.getAll('dryRun').filter((value) => value !== '');
  for (const value of values) {
    if (value !== 'All')
      throw new StatusError(
        'BadRequest',
        `dryRun: Unsupported value: ${JSON.stringify(value)}: supported values: "All"`,
      );
  }
  return values.length > 0;
}

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** What is to happen about fields that the schema does not know. */
export function readFieldValidation(exchange: Exchange): FieldValidation {
  const value = exchange.query.get('fieldValidation') ?? '';
  if (value === '') return 'Warn';
  if (value === 'Ignore' || value === 'Warn' || value === 'Strict') return value;
  throw new StatusError(
    'BadRequest',
    `fieldValidation: Unsupported value: ${JSON.stringify(value)}: supported values: "Ignore", "Strict", "Warn"`,
  );
}

/** `true`, `1` and an empty value are yes, as in Kubernetes' conversion of query parameters. */
export function readBoolean(exchange: Exchange, name: string): boolean | undefined {
  const value = exchange.query.get(name);
  if (value === null) return undefined;
  return value !== 'false' && value !== '0';
}

/** An integer that is not negative. */
export function readInteger(exchange: Exchange, name: string): number | undefined {
  const value = exchange.query.get(name);
  if (value === null || value === '') return undefined;
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0)
    throw new StatusError(
      'BadRequest',
      `${name}: Invalid value: ${JSON.stringify(value)}: must be a non-negative integer`,
    );
  return number;
}

/** The resourceVersion parameter as a revision; undefined when it is not given. */
export function readResourceVersion(exchange: Exchange): number | undefined {
  const value = exchange.query.get('resourceVersion');
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
