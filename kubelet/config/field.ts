/**
 * What one key of the kubelet's configuration may hold: how it is read from JSON or from the text of a flag, how it is
 * written at `/configz`, and what the documentation says of it. Pure.
 *
 * In memory a duration is milliseconds and a size is bytes; the property that holds it says so in its name
 * (`fileCheckFrequency` in the file is `fileCheckFrequencyMs` in the code).
 */
import { parseQuantity, quantityFromBytes, quantityToNumber } from '../../api/quantity.js';
import { formatDuration, parseDurationMs } from '../../common/duration.js';

/** A value that cannot be: where it stands, what is wrong, and how to mend it. */
export class ConfigurationProblem extends Error {
  override readonly name = 'ConfigurationProblem';
}

/** What Knarr does with a key that Kubernetes knows. */
export type Support =
  | { readonly kind: 'acts' }
  /** Another value than the default would promise what is not there: it is refused, with this reason. */
  | { readonly kind: 'refused'; readonly why: string }
  /** Any value is taken, and one that is not the default is warned about, with this reason. */
  | { readonly kind: 'no-effect'; readonly why: string };

export const acts: Support = { kind: 'acts' };
export const refused = (why: string): Support => ({ kind: 'refused', why });
export const noEffect = (why: string): Support => ({ kind: 'no-effect', why });

export interface KeyNotes {
  /** What it is for, one sentence. */
  readonly about: string;
  /** The flag of Kubernetes' kubelet that overrides it, without the dashes. */
  readonly flag?: string;
  readonly support?: Support;
}

export type UnitSuffix = '' | 'Ms' | 'Bytes';

export interface Field<T, Unit extends UnitSuffix = UnitSuffix> extends KeyNotes {
  readonly is: 'field';
  readonly unit: Unit;
  /** For the documentation: `duration`, `whole number`, … */
  readonly type: string;
  /** As it stands in a file; undefined: nothing is set. */
  readonly byDefault: unknown;
  readonly support: Support;
  /** Throws {@link ConfigurationProblem}. `where` is the key's path. */
  read(value: unknown, where: string): T;
  /** The JSON of the value. */
  write(value: T): unknown;
  /** What the text of the flag would be in a file; throws {@link ConfigurationProblem}. */
  fromFlag(text: string, where: string): unknown;
}

/** Keys within a key: `authentication.x509`. */
export interface Group<F extends Fields = Fields> {
  readonly is: 'group';
  readonly fields: F;
}

export interface Fields {
  readonly [name: string]: Field<unknown> | Group;
}

export function group<F extends Fields>(fields: F): Group<F> {
  return { is: 'group', fields };
}

/** The values of a description, each property with its unit in the name. */
export type Values<F extends Fields> = {
  readonly [
    K in keyof F & string as F[K] extends Field<unknown, infer Unit> ? `${K}${Unit}` : K
  ]: F[K] extends Field<infer T> ? T : F[K] extends Group<infer Inner> ? Values<Inner> : never;
};

interface Form<T, Unit extends UnitSuffix> {
  readonly type: string;
  readonly unit: Unit;
  read(value: unknown, where: string): T;
  write?(value: T): unknown;
  fromFlag?(text: string, where: string): unknown;
}

function field<T, Unit extends UnitSuffix>(
  byDefault: unknown,
  notes: KeyNotes,
  form: Form<T, Unit>,
): Field<T, Unit> {
  return {
    is: 'field',
    support: acts,
    write: (value) => value,
    fromFlag: (flagText) => flagText,
    byDefault,
    ...notes,
    ...form,
  };
}

export function fail(where: string, value: unknown, expected: string): never {
  throw new ConfigurationProblem(`${where}: ${JSON.stringify(value)} is not ${expected}`);
}

export function text(byDefault: string, notes: KeyNotes): Field<string, ''> {
  return field(byDefault, notes, { type: 'text', unit: '', read: readText });
}

export function readText(value: unknown, where: string): string {
  return typeof value === 'string' ? value : fail(where, value, 'a text: put it into quotes');
}

export function path(byDefault: string, notes: KeyNotes): Field<string, ''> {
  return field(byDefault, notes, {
    type: 'absolute path',
    unit: '',
    read: (value, where) => {
      const name = readText(value, where);
      return name === '' || name.startsWith('/')
        ? name
        : fail(where, value, 'an absolute path, such as /var/lib/x');
    },
  });
}

export function choice<const V extends string>(
  byDefault: NoInfer<V>,
  values: readonly V[],
  notes: KeyNotes,
): Field<V, ''> {
  return field(byDefault, notes, {
    type: values.map((one) => `\`${one}\``).join(', '),
    unit: '',
    read: (value, where) =>
      values.find((one) => one === value) ?? fail(where, value, `one of ${values.join(', ')}`),
  });
}

export function boolean(byDefault: boolean | undefined, notes: KeyNotes): Field<boolean, ''> {
  return field(byDefault, notes, {
    type: 'true or false',
    unit: '',
    read: (value, where) => (typeof value === 'boolean' ? value : fail(where, value, 'true or false')),
    fromFlag: (flagText, where) =>
      flagText === 'true' ? true : flagText === 'false' ? false : fail(where, flagText, 'true or false'),
  });
}

export interface Range {
  readonly min?: number;
  readonly max?: number;
}

function describeRange({ min, max }: Range): string {
  if (min !== undefined && max !== undefined) return `whole number, ${String(min)} to ${String(max)}`;
  return min === undefined ? 'whole number' : `whole number, at least ${String(min)}`;
}

export function readInteger(value: unknown, where: string, range: Range): number {
  const { min = -Infinity, max = Infinity } = range;
  const isIn = typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max;
  return isIn ? value : fail(where, value, `a ${describeRange(range)}`);
}

export function integer(
  byDefault: number,
  range: Range,
  notes: KeyNotes & {
    /** Kubernetes cannot tell 0 from nothing here. */
    readonly zeroIsDefault?: boolean;
  },
): Field<number, ''> {
  return field(byDefault, notes, {
    type: describeRange(range),
    unit: '',
    read: (value, where) =>
      notes.zeroIsDefault === true && value === 0 ? byDefault : readInteger(value, where, range),
    fromFlag: (flagText, where) =>
      /^-?\d+$/.test(flagText) ? Number(flagText) : fail(where, flagText, 'a whole number'),
  });
}

/** A whole number that may be left out: undefined then. */
export function optionalInteger(range: Range, notes: KeyNotes): Field<number | undefined, ''> {
  return { ...integer(0, range, notes), byDefault: undefined };
}

/** Undefined where it is left out. */
export function optionalBoolean(notes: KeyNotes): Field<boolean | undefined, ''> {
  return boolean(undefined, notes);
}

/** A number between 0 and 1. */
export function factor(byDefault: number, notes: KeyNotes): Field<number, ''> {
  return field(byDefault, notes, {
    type: 'number, above 0 and at most 1',
    unit: '',
    read: (value, where) =>
      typeof value === 'number' && value > 0 && value <= 1
        ? value
        : fail(where, value, 'a number above 0 and at most 1'),
  });
}

/** Durations as Go writes them, `1m30s`. Where 0 cannot be meant, Kubernetes takes it for the default. */
export function duration(
  byDefault: string,
  notes: KeyNotes & { readonly minMs?: number; readonly maxMs?: number },
): Field<number, 'Ms'> {
  const { minMs = 0, maxMs = Infinity } = notes;
  const defaultMs = parseDurationMs(byDefault) ?? 0;
  const limits = [
    minMs > 0 ? `at least ${formatDuration(minMs)}` : '',
    maxMs < Infinity ? `at most ${formatDuration(maxMs)}` : '',
  ].filter((one) => one !== '');
  const words = ['duration', ...limits].join(', ');
  return field(byDefault, notes, {
    type: words,
    unit: 'Ms',
    read: (value, where) => {
      const ms = typeof value === 'string' ? parseDurationMs(value) : undefined;
      if (ms === undefined) return fail(where, value, 'a duration such as 10s, 1m30s or 500ms');
      if (ms === 0) return defaultMs;
      return ms >= minMs && ms <= maxMs ? ms : fail(where, value, `a ${words}`);
    },
    write: formatDuration,
  });
}

/** A size as a quantity, `10Mi`. */
export function size(byDefault: string, notes: KeyNotes): Field<number, 'Bytes'> {
  return field(byDefault, notes, {
    type: 'quantity of bytes',
    unit: 'Bytes',
    read: (value, where) => readQuantity(value, where),
    write: quantityFromBytes,
  });
}

export function readQuantity(value: unknown, where: string): number {
  const quantity = typeof value === 'number' ? String(value) : value;
  if (typeof quantity !== 'string') return fail(where, value, 'a quantity such as 10Mi');
  try {
    parseQuantity(quantity);
  } catch {
    // What parseQuantity says is less than what fail says: it knows neither the key nor an example.
    return fail(where, value, 'a quantity such as 10Mi');
  }
  const amount = quantityToNumber(quantity);
  return amount >= 0 ? amount : fail(where, value, 'a quantity that is not negative');
}

export function list<T>(
  byDefault: readonly T[] | undefined,
  item: { readonly type: string; read(value: unknown, where: string): T },
  notes: KeyNotes,
): Field<readonly T[], ''> {
  return field(byDefault ?? [], notes, {
    type: `list of ${item.type}`,
    unit: '',
    read: (value, where) => {
      if (!Array.isArray(value)) return fail(where, value, 'a list');
      return value.map((one: unknown, index) => item.read(one, `${where}[${String(index)}]`));
    },
    fromFlag: (flagText) => flagText.split(',').filter((one) => one !== ''),
  });
}

export const texts = { type: 'texts', read: readText };

/** A map from a name to a value; `separator` stands between both in the text of a flag. */
export function map<T, Unit extends UnitSuffix = ''>(
  byDefault: Readonly<Record<string, unknown>>,
  item: {
    readonly type: string;
    readonly unit?: Unit;
    read(value: unknown, where: string, name: string): T;
    write?(value: T): unknown;
  },
  notes: KeyNotes & { readonly separator?: '=' | '<' },
): Field<Readonly<Record<string, T>>, Unit> {
  const { separator = '=' } = notes;
  return field(byDefault, notes, {
    type: `map of ${item.type}`,
    unit: item.unit ?? ('' as Unit),
    read: (value, where) => {
      if (typeof value !== 'object' || value === null || Array.isArray(value))
        return fail(where, value, 'a map');
      const entries = Object.entries(value).map(([name, one]: [string, unknown]): [string, T] => [
        name,
        item.read(one, `${where}[${name}]`, name),
      ]);
      return Object.fromEntries(entries);
    },
    write: (values) =>
      Object.fromEntries(Object.entries(values).map(([name, one]) => [name, item.write?.(one) ?? one])),
    fromFlag: (flagText, where) =>
      Object.fromEntries(
        flagText
          .split(',')
          .filter((pair) => pair !== '')
          .map((pair) => {
            const at = pair.indexOf(separator);
            if (at <= 0) return fail(where, pair, `name${separator}value`);
            return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
          }),
      ),
  });
}

/** What Knarr does not look into: any JSON. */
export function opaque(type: string, notes: KeyNotes): Field<unknown, ''> {
  return field(undefined, notes, { type, unit: '', read: (value) => value });
}
