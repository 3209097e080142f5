/**
 * Schedules of CronJobs: five fields (minute, hour, day of month, month, day of week) or a word such as `@daily`.
 *
 * The problems are in the wording of the parser that Kubernetes uses, because users look them up.
 */

export interface CronSchedule {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  /** 0 is Sunday. */
  readonly daysOfWeek: ReadonlySet<number>;
  /** A day counts when either of the two day fields names it, unless one of them is `*`. */
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

/** The text is no schedule. */
export class CronSyntaxError extends Error {
  override readonly name = 'CronSyntaxError';
}

interface FieldRange {
  readonly min: number;
  readonly max: number;
  readonly names?: readonly string[];
}

const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const weekdays = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];

const ranges = {
  minutes: { min: 0, max: 59 },
  hours: { min: 0, max: 23 },
  daysOfMonth: { min: 1, max: 31 },
  months: { min: 1, max: 12, names: months },
  daysOfWeek: { min: 0, max: 6, names: weekdays },
} satisfies Readonly<Record<string, FieldRange>>;

const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

/** Throws {@link CronSyntaxError}. */
export function parseCronSchedule(text: string): CronSchedule {
  if (text.startsWith('@')) {
    const meaning = descriptors[text];
    if (meaning === undefined) throw new CronSyntaxError(`unrecognized descriptor: ${text}`);
    return parseCronSchedule(meaning);
  }
  const fields = text.split(/\s+/).filter((field) => field !== '');
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields;
  if (
    fields.length !== 5 ||
    minute === undefined ||
    hour === undefined ||
    dayOfMonth === undefined ||
    month === undefined ||
    dayOfWeek === undefined
  )
    throw new CronSyntaxError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  return {
    minutes: parseField(minute, ranges.minutes),
    hours: parseField(hour, ranges.hours),
    daysOfMonth: parseField(dayOfMonth, ranges.daysOfMonth),
    months: parseField(month, ranges.months),
    daysOfWeek: parseField(dayOfWeek, ranges.daysOfWeek),
    anyDayOfMonth: isAny(dayOfMonth),
    anyDayOfWeek: isAny(dayOfWeek),
  };
}

/** Why the text is no schedule; undefined when it is one. */
export function cronScheduleProblem(text: string): string | undefined {
  try {
    parseCronSchedule(text);
    return undefined;
  } catch (error) {
    if (error instanceof CronSyntaxError) return error.message;
    throw error;
  }
}

function isAny(field: string): boolean {
  return field.split(',').some((part) => /^[*?]/.test(part));
}

function parseField(field: string, range: FieldRange): ReadonlySet<number> {
  const values = new Set<number>();
  for (const part of field.split(',').filter((one) => one !== '')) addPart(values, part, range);
  return values;
}

/** `*`, `n`, `n-m`, each with a step: `/s`. */
function addPart(values: Set<number>, part: string, range: FieldRange): void {
  const [span = '', stepText, ...more] = part.split('/');
  if (more.length > 0) throw new CronSyntaxError(`too many slashes: ${part}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText);
  const { first, last } = parseSpan(span, part, range, stepText !== undefined);
  if (first < range.min)
    throw new CronSyntaxError(`beginning of range (${first}) below minimum (${range.min}): ${part}`);
  if (last > range.max)
    throw new CronSyntaxError(`end of range (${last}) above maximum (${range.max}): ${part}`);
  if (first > last)
    throw new CronSyntaxError(`beginning of range (${first}) beyond end of range (${last}): ${part}`);
  if (step === 0) throw new CronSyntaxError(`step of range should be a positive number: ${part}`);
  for (let value = first; value <= last; value += step) values.add(value);
}

function parseSpan(
  span: string,
  part: string,
  range: FieldRange,
  stepped: boolean,
): { readonly first: number; readonly last: number } {
  const [from = '', to, ...more] = span.split('-');
  if (from === '*' || from === '?') return { first: range.min, last: range.max };
  if (more.length > 0) throw new CronSyntaxError(`too many hyphens: ${part}`);
  const first = parseValue(from, range);
  // `5/15` goes on from 5 to the end.
  return { first, last: to === undefined ? (stepped ? range.max : first) : parseValue(to, range) };
}

function parseValue(text: string, { names = [], min }: FieldRange): number {
  const index = names.indexOf(text.toLowerCase());
  return index < 0 ? parseNumber(text) : index + min;
}

function parseNumber(text: string): number {
  if (/^\+?\d+$/.test(text)) return Number(text);
  if (/^-\d+$/.test(text)) throw new CronSyntaxError(`negative number (${text}) not allowed: ${text}`);
  throw new CronSyntaxError(
    `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}
