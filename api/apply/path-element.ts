/** Path elements in their text form: making, reading, ordering and showing them. */
import { isJsonObject } from '../patch/merge-patch.js';

/** A field of a struct, or a key of a map. */
export function fieldElement(name: string): string {
  return `f:${name}`;
}

/** An element of a list that is known by the values of some of its fields, given in any order. */
export function keyElement(keys: readonly (readonly [name: string, value: unknown])[]): string {
  const [first, second] = keys;
  if (first !== undefined && second === undefined)
    return `k:{${JSON.stringify(first[0])}:${JSON.stringify(first[1])}}`;
  const sorted = [...keys].sort(([a], [b]) => compareTexts(a, b));
  return `k:{${sorted.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`).join(',')}}`;
}

/** A member of a list that is a set. */
export function valueElement(value: unknown): string {
  return `v:${JSON.stringify(value)}`;
}

/**
 * The element in its canonical form, so that equal elements are equal texts; undefined for a kind that is not known,
 * which a later version may have written. Throws SyntaxError for one that cannot be read.
 */
export function canonicalElement(element: string): string | undefined {
  const content = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'f:':
      return element;
    case 'v:':
      return valueElement(JSON.parse(content));
    case 'k:': {
      const keys: unknown = JSON.parse(content);
      if (!isJsonObject(keys)) throw new SyntaxError(`the keys of a list element are no object: ${element}`);
      return keyElement(Object.entries(keys));
    }
    case 'i:':
      if (!/^-?\d+$/.test(content)) throw new SyntaxError(`not an index: ${element}`);
      return `i:${Number(content)}`;
    default:
      return undefined;
  }
}

/** As Kubernetes shows a path to users: `.spec.containers[name="web"].image`. */
export function showPath(path: readonly string[]): string {
  return path.map(showElement).join('');
}

function showElement(element: string): string {
  const content = element.slice(2);
  switch (element.slice(0, 2)) {
    case 'k:': {
      return `[${keysOf(element)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(',')}]`;
    }
    case 'v:':
      return `[=${content}]`;
    case 'i:':
      return `[${content}]`;
    default:
      return `.${content}`;
  }
}

/** The kinds of elements in Kubernetes' order, by their first character. */
const kindsInOrder = '.fkvi';

/** Kubernetes' order: `.`, fields, keys, values, indices; each by its content. */
export function compareElements(a: string, b: string): number {
  const kind = a.charAt(0);
  const order = kindsInOrder.indexOf(kind) - kindsInOrder.indexOf(b.charAt(0));
  if (order !== 0) return order;
  switch (kind) {
    case 'k':
      return compareKeys(keysOf(a), keysOf(b));
    case 'v':
    case 'i':
      return compareValues(JSON.parse(a.slice(2)), JSON.parse(b.slice(2)));
    default:
      return compareTexts(a, b);
  }
}

type Keys = readonly (readonly [name: string, value: unknown])[];

function keysOf(element: string): Keys {
  return Object.entries(JSON.parse(element.slice(2)) as Record<string, unknown>);
}

function compareKeys(a: Keys, b: Keys): number {
  for (const [index, [name, value]] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = compareTexts(name, other[0]) || compareValues(value, other[1]);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

/** Numbers before texts before booleans before everything else. */
function compareValues(a: unknown, b: unknown): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0) return rank;
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'boolean' && typeof b === 'boolean') return Number(a) - Number(b);
  if (typeof a === 'string' && typeof b === 'string') return compareTexts(a, b);
  return compareTexts(JSON.stringify(a), JSON.stringify(b));
}

function rankOf(value: unknown): number {
  const rank = ['number', 'string', 'boolean'].indexOf(typeof value);
  return rank < 0 ? 3 : rank;
}

export function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
