/**
 * The JSONPath of kubectl and of printer columns: fields, indexes, slices, wildcards, recursive descent and filters.
 *
 * `.spec.replicas`, `.status.conditions[?(@.type=="Ready")].status`, `.metadata.annotations.example\.com/size`
 */
import { isJsonObject } from './patch/merge-patch.js';

export interface JsonPath {
  readonly text: string;
  /** All values that the path leads to, in order. */
  find(value: unknown): readonly unknown[];
}

type Step =
  | { readonly is: 'field'; readonly name: string }
  | { readonly is: 'fields'; readonly names: readonly string[] }
  | { readonly is: 'index'; readonly index: number }
  | {
      readonly is: 'slice';
      readonly from: number | undefined;
      readonly to: number | undefined;
      readonly by: number;
    }
  | { readonly is: 'all' }
  | { readonly is: 'descend' }
  | { readonly is: 'filter'; readonly test: (item: unknown) => boolean };

/** Throws a SyntaxError that says what is wrong. */
export function parseJsonPath(text: string): JsonPath {
  const steps = new Parser(text).steps();
  return {
    text,
    find: (value) =>
      steps.reduce<readonly unknown[]>((found, step) => found.flatMap((one) => take(step, one)), [value]),
  };
}

function take(step: Step, value: unknown): readonly unknown[] {
  switch (step.is) {
    case 'field':
      return memberOf(value, step.name);
    case 'fields':
      return step.names.flatMap((name) => memberOf(value, name));
    case 'index': {
      if (!Array.isArray(value)) return [];
      const at = step.index < 0 ? value.length + step.index : step.index;
      return at >= 0 && at < value.length ? [value[at]] : [];
    }
    case 'slice':
      return Array.isArray(value) ? slice(value, step) : [];
    case 'all':
      return Array.isArray(value) ? value : isJsonObject(value) ? Object.values(value) : [];
    case 'descend':
      return descendants(value);
    case 'filter':
      return Array.isArray(value) ? value.filter((item) => step.test(item)) : [];
  }
}

function memberOf(value: unknown, name: string): readonly unknown[] {
  return isJsonObject(value) && Object.hasOwn(value, name) ? [value[name]] : [];
}

function slice(
  list: readonly unknown[],
  { from, to, by }: Extract<Step, { is: 'slice' }>,
): readonly unknown[] {
  return list.slice(from, to).filter((_, index) => index % by === 0);
}

function descendants(value: unknown): readonly unknown[] {
  const members = Array.isArray(value)
    ? (value as unknown[])
    : isJsonObject(value)
      ? Object.values(value)
      : [];
  return [value, ...members.flatMap(descendants)];
}

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  steps(): readonly Step[] {
    const steps: Step[] = [];
    if (this.#text.startsWith('$')) this.#at = 1;
    while (this.#at < this.#text.length) this.#step(steps);
    return steps;
  }

  #step(steps: Step[]): void {
    const next = this.#text[this.#at];
    if (next === '[') {
      steps.push(this.#brackets());
      return;
    }
    if (next !== '.') throw this.#error(`expected "." or "["`);
    this.#at++;
    if (this.#text[this.#at] === '.') {
      steps.push({ is: 'descend' });
      this.#at++;
    }
    if (this.#text[this.#at] === '[') return;
    const name = this.#name();
    // A single dot is the value itself.
    if (name === '' && this.#text === '.') return;
    if (name === '') throw this.#error('expected the name of a field');
    steps.push(name === '*' ? { is: 'all' } : { is: 'field', name });
  }

  /** A field's name; a backslash takes the next character as it is. */
  #name(): string {
    let name = '';
    for (; this.#at < this.#text.length; this.#at++) {
      const character = this.#text.charAt(this.#at);
      if (character === '\\') {
        this.#at++;
        name += this.#text.charAt(this.#at);
      } else if (character === '.' || character === '[') break;
      else if (character === ' ' || character === '}' || character === '{' || character === ']')
        throw this.#error(`unexpected ${JSON.stringify(character)}`);
      else name += character;
    }
    return name;
  }

  #brackets(): Step {
    const end = this.#closing();
    const inner = this.#text.slice(this.#at + 1, end).trim();
    this.#at = end + 1;
    if (inner === '*') return { is: 'all' };
    if (inner.startsWith('?(') && inner.endsWith(')'))
      return { is: 'filter', test: this.#filter(inner.slice(2, -1)) };
    if (/^-?\d+$/.test(inner)) return { is: 'index', index: Number(inner) };
    const range = /^(-?\d+)?:(-?\d+)?(?::(\d+))?$/.exec(inner);
    if (range !== null) {
      const by = Number(range[3] ?? 1);
      if (by === 0) throw this.#error('the step of a slice is 0');
      return { is: 'slice', from: numberOf(range[1]), to: numberOf(range[2]), by };
    }
    const names = inner.split(/,(?=\s*['"])/).map((part) => quoted(part.trim()));
    const [first] = names;
    if (first === undefined || names.includes(undefined)) throw this.#error(`cannot read [${inner}]`);
    return names.length === 1 ? { is: 'field', name: first } : { is: 'fields', names: names as string[] };
  }

  /** Where the bracket at the current place is closed, quotes and brackets inside of it left alone. */
  #closing(): number {
    let depth = 0;
    let quote = '';
    for (let at = this.#at; at < this.#text.length; at++) {
      const character = this.#text[at] ?? '';
      if (quote !== '') {
        if (character === '\\') at++;
        else if (character === quote) quote = '';
      } else if (character === '"' || character === "'") quote = character;
      else if (character === '[') depth++;
      else if (character === ']' && --depth === 0) return at;
    }
    throw this.#error('unterminated array');
  }

  #filter(text: string): (item: unknown) => boolean {
    const comparison = /^(.+?)\s*(==|!=|<=|>=|<|>)\s*(.+)$/s.exec(text.trim());
    if (comparison === null) {
      const operand = this.#operand(text.trim());
      return (item) => operand(item) !== undefined;
    }
    const [, leftText = '', operator = '', rightText = ''] = comparison;
    const left = this.#operand(leftText);
    const right = this.#operand(rightText);
    const compare = comparisons[operator];
    if (compare === undefined) throw this.#error(`unknown operator ${operator}`);
    return (item) => compare(left(item), right(item));
  }

  #operand(text: string): (item: unknown) => unknown {
    if (text.startsWith('@')) {
      const path = parseJsonPath(text.slice(1));
      return (item) => path.find(item)[0];
    }
    const string = quoted(text);
    if (string !== undefined) return () => string;
    if (text === 'true' || text === 'false') return () => text === 'true';
    const number = Number(text);
    if (text === '' || Number.isNaN(number))
      throw this.#error(`cannot read ${JSON.stringify(text)} in a filter`);
    return () => number;
  }

  #error(why: string): SyntaxError {
    return new SyntaxError(`${why} at character ${String(this.#at)} of ${this.#text}`);
  }
}

const comparisons: Readonly<Record<string, (a: unknown, b: unknown) => boolean>> = {
  '==': (a, b) => a === b,
  '!=': (a, b) => a !== b,
  '<': ordered((a, b) => a < b),
  '<=': ordered((a, b) => a <= b),
  '>': ordered((a, b) => a > b),
  '>=': ordered((a, b) => a >= b),
};

function ordered(compare: (a: number | string, b: number | string) => boolean) {
  return (a: unknown, b: unknown): boolean =>
    (typeof a === 'number' && typeof b === 'number') || (typeof a === 'string' && typeof b === 'string')
      ? compare(a, b)
      : false;
}

function numberOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text);
}

/** What stands in quotes; undefined for a text that is not quoted. */
function quoted(text: string): string | undefined {
  const inner = /^'(.*)'$/s.exec(text)?.[1] ?? /^"(.*)"$/s.exec(text)?.[1];
  return inner?.replaceAll(/\\(.)/g, '$1');
}
