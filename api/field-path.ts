/**
 * Collects violations of an object, each with its field path, in the wording that Kubernetes clients know.
 *
 * ```ts
 * const violations = new Violations();
 * if (spec.name === '') violations.required('spec.name');
 * if (violations.any) throw invalid(subject, name, violations.causes);
 * ```
 */
import type { StatusCause } from './generated/meta-v1.js';

/** `spec.containers[0].name` from its parts: a number is an index, a string that is no identifier a map key. */
export function fieldPath(...parts: readonly (string | number)[]): string {
  let path = '';
  for (const part of parts) {
    if (typeof part === 'number') path += `[${String(part)}]`;
    else path += path === '' ? part : `.${part}`;
  }
  return path;
}

/** A key of a map in a path: `metadata.labels[app.kubernetes.io/name]`. */
export function keyPath(path: string, key: string): string {
  return `${path}[${key}]`;
}

export class Violations {
  readonly #causes: StatusCause[] = [];

  get causes(): readonly StatusCause[] {
    return this.#causes;
  }

  get any(): boolean {
    return this.#causes.length > 0;
  }

  required(path: string, detail = ''): void {
    this.#add('FieldValueRequired', path, 'Required value', detail);
  }

  invalid(path: string, value: unknown, detail: string): void {
    this.#add('FieldValueInvalid', path, `Invalid value: ${display(value)}`, detail);
  }

  /** Each message becomes a violation of its own: for the checks of `names.ts`. */
  invalidEach(path: string, value: unknown, details: readonly string[]): void {
    for (const detail of details) this.invalid(path, value, detail);
  }

  notSupported(path: string, value: unknown, supported: readonly string[]): void {
    const values = [...supported].sort().map((one) => JSON.stringify(one));
    this.#add(
      'FieldValueNotSupported',
      path,
      `Unsupported value: ${display(value)}`,
      values.length === 0 ? '' : `supported values: ${values.join(', ')}`,
    );
  }

  duplicate(path: string, value: unknown): void {
    this.#add('FieldValueDuplicate', path, `Duplicate value: ${display(value)}`, '');
  }

  forbidden(path: string, detail: string): void {
    this.#add('FieldValueForbidden', path, 'Forbidden', detail);
  }

  /** Something that the field refers to is not there. */
  notFound(path: string, value: unknown): void {
    this.#add('FieldValueNotFound', path, `Not found: ${display(value)}`, '');
  }

  tooLong(path: string, maxBytes: number): void {
    this.#add('FieldValueTooLong', path, 'Too long', `may not be more than ${String(maxBytes)} bytes`);
  }

  tooMany(path: string, count: number, max: number): void {
    this.#add(
      'FieldValueTooMany',
      path,
      `Too many: ${String(count)}`,
      `must have at most ${String(max)} items`,
    );
  }

  typeInvalid(path: string, value: unknown, detail: string): void {
    this.#add('FieldValueTypeInvalid', path, `Invalid value: ${display(value)}`, detail);
  }

  /** Takes over what another collector found. */
  addAll(causes: readonly StatusCause[]): void {
    this.#causes.push(...causes);
  }

  #add(reason: string, field: string, what: string, detail: string): void {
    this.#causes.push({ reason, message: detail === '' ? what : `${what}: ${detail}`, field });
  }
}

/** A value as it stands in messages: texts quoted, structures as JSON, an absent one as null. */
function display(value: unknown): string {
  if (value === undefined) return 'null';
  return JSON.stringify(value);
}
