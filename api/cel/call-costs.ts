/**
 * What functions and operators of CEL cost, before (from how large their arguments can be) and during evaluation (from how
 * large they are). Numbers and rules are those of Kubernetes: which rules a definition may have depends on them. Pure.
 */
import type { CelType } from './library.js';

/** Costs and sizes end here, as 64 bits do; also the size of what nobody has bounded. */
export const maxCost = 2 ** 64;
/** A string is gone through ten characters a unit. */
const traversalFactor = 0.1;
/** An expression in a pattern is taken to be four characters long. */
const patternFactor = 0.25;

export interface Size {
  readonly min: number;
  readonly max: number;
}

export const unknownSize: Size = { min: 0, max: maxCost };
export const sizeOf = (exactly: number): Size => ({ min: exactly, max: exactly });
export const plus = (...costs: readonly number[]): number =>
  Math.min(
    maxCost,
    costs.reduce((sum, one) => sum + one, 0),
  );
export const times = (a: number, b: number): number => Math.min(maxCost, a * b);
export const addSizes = (a: Size, b: Size): Size => ({ min: plus(a.min, b.min), max: plus(a.max, b.max) });
export const joinSizes = (a: Size, b: Size): Size => ({
  min: Math.min(a.min, b.min),
  max: Math.max(a.max, b.max),
});
const multiply = (a: Size, b: Size): Size => ({ min: times(a.min, b.min), max: times(a.max, b.max) });
export const traversal = (size: number, factor = traversalFactor): number =>
  Math.min(maxCost, Math.ceil(size * factor));

/** A function's argument, or what it is called on, as far as it is known before. */
export interface Argument {
  readonly type: CelType;
  readonly size: Size;
  /** Of the items of a list. */
  readonly itemSize: Size;
}

export interface CallEstimate {
  /** At most. */
  readonly cost: number;
  /** Of the result, where it follows from the arguments. */
  readonly size?: Size;
}

export const isTextual = ({ name }: CelType): boolean => name === 'string' || name === 'bytes';
const isList = ({ kind }: CelType): boolean => kind === 'list';

/** The cost of a call beyond that of its arguments. `target` is what a method is called on. */
export function estimateCall(
  name: string,
  target: Argument | undefined,
  args: readonly Argument[],
): CallEstimate {
  const [first, second] = args;
  const own = target ?? first;
  switch (name) {
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      if (target === undefined) break;
      return { cost: isList(target.type) ? perItem(target) : traversal(target.size.max) };
    case 'url':
      return { cost: traversal(first?.size.max ?? 0) };
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
      if (target === undefined) break;
      return { cost: traversal(target.size.max), size: target.size };
    case 'replace':
      if (target === undefined || first === undefined || second === undefined) break;
      return {
        cost: traversal(target.size.max, 2 * traversalFactor),
        size: replacedSize(target.size, first.size, second.size),
      };
    case 'split':
      if (target === undefined) break;
      return {
        cost: traversal(target.size.max, 2 * traversalFactor),
        size: { min: 0, max: target.size.max },
      };
    case 'join': {
      if (target === undefined) break;
      const size = joinedSize(target, first?.size);
      return { cost: traversal(size.max), size };
    }
    case 'find':
    case 'findAll':
    case 'matches':
    case 'matchesRe2':
      if (target === undefined || first === undefined) break;
      return {
        cost: matchCost(target.size.max, first.size.max),
        ...(name.startsWith('find') ? { size: { min: 0, max: target.size.max } } : {}),
      };
    case 'startsWith':
    case 'endsWith':
      return { cost: traversal(first?.size.max ?? 0) };
    case 'contains':
    case 'intersects':
    case 'equivalent':
      return { cost: containmentCost(name, target, args) };
    case 'containsIP':
      return { cost: plus(addressesCost, isText(first) ? traversal(first?.size.max ?? 0) : 0) };
    case 'containsCIDR':
      return { cost: plus(addressesCost, maskCost, isText(first) ? traversal(first?.size.max ?? 0) : 0) };
    case 'format':
      return { cost: traversal(target?.size.max ?? 0) };
    case 'check':
      return { cost: authorizationCost };
    case 'bytes':
    case 'string':
      if (own === undefined || !isTextual(own.type) || own.type.name === name) break;
      return {
        cost: traversal(own.size.max),
        size: name === 'bytes' ? { ...own.size, max: times(own.size.max, 4) } : own.size,
      };
  }
  return { cost: 1 };
}

/** Two of the size of an IPv6 address are compared. */
const addressesCost = traversal(16 + 16);
const maskCost = traversal(16) + 1;
/** So that an expression can ask for two of them. */
const authorizationCost = 350_000;

function isText(argument: Argument | undefined): boolean {
  return argument !== undefined && isTextual(argument.type);
}

function perItem({ type, size, itemSize }: Argument): number {
  const isOfTexts = type.valueType !== undefined && isTextual(type.valueType);
  return times(size.max, isOfTexts ? plus(1, traversal(itemSize.max)) : 1);
}

function matchCost(size: number, patternSize: number): number {
  return times(traversal(plus(size, 1)), traversal(patternSize, patternFactor));
}

/** `contains` of a text, or of the library of sets, whose functions look at all pairs. */
function containmentCost(name: string, target: Argument | undefined, args: readonly Argument[]): number {
  const [first, second] = args;
  if (second === undefined) return times(traversal(target?.size.max ?? 0), traversal(first?.size.max ?? 0));
  return plus(1, times(times(first?.size.max ?? 0, second.size.max), name === 'equivalent' ? 2 : 1));
}

function joinedSize(list: Argument, separator: Size | undefined): Size {
  const items = multiply(list.size, list.itemSize);
  if (separator === undefined) return items;
  const gaps = { min: Math.max(0, list.size.min - 1), max: Math.max(0, list.size.max - 1) };
  return addSizes(items, multiply(separator, gaps));
}

/** The smallest parts are replaced by the largest ones, as often as they fit; and the other way round. */
function replacedSize(text: Size, from: Size, to: Size): Size {
  return {
    max: largest(text.max, from.min, to.max),
    min: smallest(text.min, from.max, to.min),
  };
}

function largest(text: number, from: number, to: number): number {
  // An empty part is before, between and behind all characters.
  if (from === 0) return plus(times(plus(text, 1), to), text);
  return to <= from ? text : times(Math.ceil(text / from), to);
}

function smallest(text: number, from: number, to: number): number {
  if (from === 0) return plus(times(plus(text, 1), to), text);
  return from <= to ? text : times(Math.ceil(text / from), to);
}

/** The cost of an operator with two sides beyond that of the sides. */
export function estimateOperator(operator: string, left: Argument, right: Argument): CallEstimate {
  switch (operator) {
    case '==':
    case '!=':
      return { cost: traversal(Math.min(left.size.max, right.size.max)) };
    case '<':
    case '<=':
    case '>':
    case '>=':
      return {
        cost:
          isTextual(left.type) || isTextual(right.type)
            ? traversal(Math.min(left.size.max, right.size.max))
            : 1,
      };
    case 'in':
      return { cost: isList(right.type) ? right.size.max : 1 };
    case '+': {
      const size = addSizes(left.size, right.size);
      if (isTextual(left.type) || isTextual(right.type)) return { cost: traversal(size.max), size };
      return isList(left.type) ? { cost: 1, size } : { cost: 1 };
    }
  }
  return { cost: 1 };
}

/** The cost of a call that has happened; what it was called on is the first of `values`. */
export function costOfCall(name: string, values: readonly unknown[], result: unknown): number {
  const [first, second, third] = values;
  switch (name) {
    case 'isSorted':
    case 'sum':
    case 'max':
    case 'min':
    case 'indexOf':
    case 'lastIndexOf':
      return traversalCost(first);
    case 'url':
    case 'lowerAscii':
    case 'upperAscii':
    case 'substring':
    case 'trim':
    case 'cidr':
    case 'isIP':
    case 'isCIDR':
    case 'quantity':
    case 'isQuantity':
    case 'format':
      return traversal(actualSize(first));
    case 'ip':
      return typeof first === 'string' ? traversal(actualSize(first)) : 1;
    case 'isCanonical':
      return traversal(actualSize(second), 2 * traversalFactor);
    case 'replace':
    case 'split':
      return traversal(actualSize(first), 2 * traversalFactor);
    case 'join':
      return traversal(actualSize(result), 2 * traversalFactor);
    case 'find':
    case 'findAll':
    case 'matches':
    case 'matchesRe2':
      return matchCost(actualSize(first), actualSize(second));
    case 'startsWith':
    case 'endsWith':
      return traversal(actualSize(first));
    case 'contains':
      if (typeof first === 'string') return traversal(actualSize(first)) * traversal(actualSize(second));
      return 1 + actualSize(second) * actualSize(third);
    case 'intersects':
      return 1 + actualSize(second) * actualSize(third);
    case 'equivalent':
      return 1 + 2 * actualSize(second) * actualSize(third);
    case 'containsIP':
      return 1 + (typeof second === 'string' ? traversal(actualSize(second)) : 0);
    case 'containsCIDR':
      return 3 + (typeof second === 'string' ? traversal(actualSize(second)) : 0);
    case 'check':
      return authorizationCost;
    case 'bytes':
    case 'string':
      return isTextValue(first) ? traversal(actualSize(first)) : 1;
  }
  return 1;
}

/** The cost of an operator that was applied. */
export function costOfOperator(operator: string, left: unknown, right: unknown): number {
  switch (operator) {
    case '==':
    case '!=':
      return traversal(Math.min(actualSize(left), actualSize(right)));
    case '<':
    case '<=':
    case '>':
    case '>=':
      return isTextValue(left) ? traversal(Math.min(actualSize(left), actualSize(right))) : 1;
    case 'in':
      return Array.isArray(right) ? right.length : 1;
    case '+':
      return isTextValue(left) ? traversal(actualSize(left) + actualSize(right)) : 1;
  }
  return 1;
}

function isTextValue(value: unknown): value is string | Uint8Array {
  return typeof value === 'string' || value instanceof Uint8Array;
}

function actualSize(value: unknown): number {
  if (isTextValue(value) || Array.isArray(value)) return value.length;
  if (value instanceof Map) return value.size;
  if (typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype)
    return Object.keys(value).length;
  return 1;
}

/** What it costs to look at everything in a value. */
function traversalCost(value: unknown): number {
  if (isTextValue(value)) return Math.floor(value.length * traversalFactor);
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + traversalCost(item), 0);
  return 1;
}
