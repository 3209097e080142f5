/** The fields that nobody manages: what the server sets, and what an endpoint does not write. */
import type { FieldSet } from './field-set.js';
import { setOf } from './field-set.js';
import type { MergeType } from './merge-type.js';
import { fieldElement } from './path-element.js';

/** Which part of an object a request writes. */
export type WrittenPart = 'main' | 'status' | 'finalize' | 'approval' | 'ephemeralcontainers' | 'resize';

const ofTheServer: readonly (readonly string[])[] = [
  ['apiVersion'],
  ['kind'],
  ...[
    'name',
    'namespace',
    'creationTimestamp',
    'selfLink',
    'uid',
    'generation',
    'managedFields',
    'resourceVersion',
  ].map((name) => ['metadata', name]),
];

const caches = new WeakMap<MergeType, Map<string, FieldSet>>();

/**
 * The fields of a kind that a write of `part` leaves alone, or that are never tracked. With `hasStatus`, status has an
 * endpoint of its own.
 */
export function unmanagedFields(type: MergeType, part: WrittenPart, hasStatus: boolean): FieldSet {
  let cache = caches.get(type);
  if (cache === undefined) {
    cache = new Map();
    caches.set(type, cache);
  }
  const key = `${part} ${String(hasStatus)}`;
  let set = cache.get(key);
  if (set === undefined) {
    const paths = [...ofTheServer, ...foreignFields(type, part, hasStatus)];
    set = setOf(...paths.map((path) => path.map(fieldElement)));
    cache.set(key, set);
  }
  return set;
}

function foreignFields(type: MergeType, part: WrittenPart, hasStatus: boolean): readonly string[][] {
  const all = type.kind === 'struct' ? [...type.fields.keys()] : [];
  switch (part) {
    case 'main':
      return hasStatus ? [['status']] : [];
    case 'status':
    // Approval is a condition in the status of a request.
    case 'approval':
      return [
        ...all.filter((name) => name !== 'metadata' && name !== 'status').map((name) => [name]),
        ['metadata', 'ownerReferences'],
        ['metadata', 'deletionTimestamp'],
      ];
    case 'finalize':
      return all.filter((name) => name !== 'spec').map((name) => [name]);
    case 'ephemeralcontainers':
      return allButInSpec(type, ['ephemeralContainers']);
    case 'resize':
      return allButInSpec(type, ['containers', 'initContainers']);
  }
}

function allButInSpec(type: MergeType, kept: readonly string[]): readonly string[][] {
  if (type.kind !== 'struct') return [];
  const spec = type.fields.get('spec')?.type;
  const inSpec = spec?.kind === 'struct' ? [...spec.fields.keys()] : [];
  return [
    ...[...type.fields.keys()].filter((name) => name !== 'spec').map((name) => [name]),
    ...inSpec.filter((name) => !kept.includes(name)).map((name) => ['spec', name]),
  ];
}
