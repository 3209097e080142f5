/**
 * Reads JSON by the API description: prunes what is not described, checks JSON types, fills defaults.
 */
import type { StatusError } from '../status-error.js';
import { StatusError as Status } from '../status-error.js';
import type { Schema } from './model.js';

export interface DecodeOptions {
  /**
   * Fill `always` structs, zero values of fields without omitempty, and static defaults. On by default; off
   * where the JSON is to be read as it stands.
   */
  readonly fill?: boolean;
}

export interface Decoded<T> {
  /** A new object: the input is neither changed nor shared. */
  readonly object: T;
  /** Paths of fields that the description does not know, in Kubernetes' form: `spec.containers[0].foo`. */
  readonly unknownFields: readonly string[];
}

/**
 * Reads `json` as the type `schemaName` (`core/v1.Pod`). Throws StatusError BadRequest where a JSON type is wrong,
 * in the wording of Kubernetes.
 */
export function decodeObject<T = Record<string, unknown>>(
  _schema: Schema,
  _schemaName: string,
  _json: unknown,
  _options: DecodeOptions = {},
): Decoded<T> {
  throw new Error('under construction');
}

/** The BadRequest of `fieldValidation=Strict`. `problems` as {@link unknownFieldProblem} and {@link duplicateFieldProblem} word them. */
export function strictDecodingError(kind: string, version: string, problems: readonly string[]): StatusError {
  return new Status(
    'BadRequest',
    `${kind} in version "${version}" cannot be handled as a ${kind}: strict decoding error: ${problems.join(', ')}`,
  );
}

/** `unknown field "spec.foo"`: also the text of the warning under `fieldValidation=Warn`. */
export function unknownFieldProblem(path: string): string {
  return `unknown field "${path}"`;
}

/** `duplicate field "spec.foo"`. */
export function duplicateFieldProblem(path: string): string {
  return `duplicate field "${path}"`;
}
