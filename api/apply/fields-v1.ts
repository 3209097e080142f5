/** Reading and writing `FieldsV1`, the JSON of a {@link FieldSet}. */
import { isJsonObject } from '../patch/merge-patch.js';
import type { FieldSet, MutableFieldSet } from './field-set.js';
import { emptySet, isEmptySet, selfElement } from './field-set.js';
import { canonicalElement, compareElements } from './path-element.js';

/** Deeper than any API type; a limit, because a client's JSON may nest as it likes. */
const maxDepth = 64;

/**
 * Reads what a client sent. Elements of an unknown kind are dropped. Throws SyntaxError for anything that is not a field
 * set.
 */
export function decodeFieldsV1(json: unknown, depth = 0): FieldSet {
  if (!isJsonObject(json)) throw new SyntaxError('fieldsV1 is not made of objects');
  if (depth > maxDepth) throw new SyntaxError('fieldsV1 is nested too deeply');
  const set: MutableFieldSet = {};
  for (const [element, below] of Object.entries(json)) {
    const node = decodeFieldsV1(below, depth + 1);
    const canonical = element === selfElement ? selfElement : canonicalElement(element);
    if (canonical !== undefined) set[canonical] = node;
  }
  // A path that is only itself is written without the dot.
  if (depth > 0 && set[selfElement] !== undefined && Object.keys(set).length === 1) return emptySet;
  return set;
}

/** The set with its elements in Kubernetes' order; itself when they are already. */
export function encodeFieldsV1(set: FieldSet): FieldSet {
  if (isEmptySet(set)) return set;
  const elements = Object.keys(set);
  const sorted = elements.length === 1 ? elements : sortElements(elements);
  let result: MutableFieldSet | undefined = sorted === elements ? undefined : {};
  for (const element of sorted) {
    const node = set[element] ?? emptySet;
    const encoded = encodeFieldsV1(node);
    if (encoded !== node) result ??= { ...set };
    if (result !== undefined) result[element] = encoded;
  }
  return result ?? set;
}

/** The same array when it is in order. */
function sortElements(elements: readonly string[]): readonly string[] {
  if (elements.every(isField)) return isSorted(elements) ? elements : [...elements].sort();
  for (let index = 1; index < elements.length; index++) {
    if (compareElements(elements[index - 1] ?? '', elements[index] ?? '') > 0)
      return [...elements].sort(compareElements);
  }
  return elements;
}

/** Most elements are fields, and those are in the order of their texts. */
function isField(element: string): boolean {
  return element.startsWith('f:');
}

function isSorted(texts: readonly string[]): boolean {
  for (let index = 1; index < texts.length; index++)
    if ((texts[index - 1] ?? '') > (texts[index] ?? '')) return false;
  return true;
}
