/** Merging an applied configuration into an object. */
import { isJsonObject } from '../patch/merge-patch.js';
import { hasNoKeys, listOrEmpty, objectOrEmpty, own } from './json-values.js';
import type { ListMergeType } from './list-items.js';
import { elementOrNothing } from './list-items.js';
import type { MergeType } from './merge-type.js';

/**
 * `live` with everything that `config` says; parts that the configuration does not speak of are shared with `live`. A
 * null in the configuration clears a leaf and says nothing about structs, maps and lists. Items of lists with keys stand
 * in the configuration's order, with the others in between where they were.
 */
export function mergeObjects(type: MergeType, live: unknown, config: unknown): unknown {
  if (config === undefined) return live;
  switch (type.kind) {
    case 'leaf':
      return config;
    case 'struct':
    case 'map':
      return mergeMembers(type, live, config);
    case 'free':
      return isJsonObject(config) && isJsonObject(live) ? mergeMembers(type, live, config) : config;
    case 'set':
    case 'keyed':
      return mergeLists(type, live, config);
  }
}

function mergeMembers(
  type: Extract<MergeType, { kind: 'struct' | 'map' | 'free' }>,
  live: unknown,
  config: unknown,
): unknown {
  const current = objectOrEmpty(live);
  const wanted = objectOrEmpty(config);
  if (hasNoKeys(wanted)) return hasNoKeys(current) ? config : live;
  // A Map while it is being built, so that a key named `__proto__` is a key.
  const result = new Map<string, unknown>(Object.entries(current));
  for (const [key, value] of Object.entries(wanted)) {
    const of = type.kind === 'struct' ? type.fields.get(key)?.type : type.kind === 'map' ? type.of : type;
    result.set(key, of === undefined ? value : mergeObjects(of, own(current, key), value));
  }
  return Object.fromEntries(result);
}

interface Item {
  /** Undefined for a stored item that cannot be told apart: it stays where it is. */
  readonly element: string | undefined;
  readonly value: unknown;
}

function mergeLists(type: ListMergeType, live: unknown, config: unknown): unknown {
  const current = itemsOf(type, listOrEmpty(live));
  const wanted = itemsOf(type, listOrEmpty(config));
  if (wanted.length === 0) return current.length === 0 ? config : live;
  const currentByElement = new Map(current.map((item) => [item.element, item]));
  const wantedElements = new Set(wanted.map(({ element }) => element));
  const result: unknown[] = [];
  let at = 0;
  // What the configuration does not name keeps its place in front of the next item that both have.
  const takeUntil = (element: string | undefined): void => {
    for (; at < current.length; at++) {
      const item = current[at];
      if (item === undefined || (element !== undefined && item.element === element)) return;
      if (item.element === undefined || !wantedElements.has(item.element)) result.push(item.value);
    }
  };
  for (const [index, item] of wanted.entries()) {
    const nextShared = wanted.slice(index).find(({ element }) => currentByElement.has(element));
    takeUntil(nextShared?.element);
    const counterpart = currentByElement.get(item.element);
    result.push(type.kind === 'set' ? item.value : mergeObjects(type.of, counterpart?.value, item.value));
    if (counterpart !== undefined && current[at]?.element === item.element) at++;
  }
  takeUntil(undefined);
  return result;
}

function itemsOf(type: ListMergeType, list: readonly unknown[]): readonly Item[] {
  return list.map((value) => ({ element: elementOrNothing(type, value), value }));
}
