/** What goes when a manager leaves out of his configuration what he applied before. */
import type { FieldSet } from './field-set.js';
import { difference, intersection, isEmptySet, union } from './field-set.js';
import type { MergeType } from './merge-type.js';
import { removeFields, withNamedStructs } from './remove-fields.js';
import { toFieldSet } from './to-field-set.js';

export interface Claims {
  /** What the manager applied last time. */
  readonly last: FieldSet;
  /** What he applies now. */
  readonly wanted: FieldSet;
  /** What anybody manages, the server and the configuration that is being applied included. */
  readonly managed: FieldSet;
}

/**
 * `merged` without the fields, list elements and map keys that the manager gave up and that nobody else manages. Fields
 * without any manager (defaults) stay, unless the list element or map that they are part of goes.
 */
export function pruneGivenUp(type: MergeType, merged: unknown, { last, wanted, managed }: Claims): unknown {
  if (isEmptySet(difference(last, wanted))) return merged;
  const lastNamed = withNamedStructs(type, last);
  const present = withNamedStructs(type, toFieldSet(type, merged));
  const presentWithout = (set: FieldSet): FieldSet =>
    withNamedStructs(type, toFieldSet(type, removeFields(type, merged, set)));
  // First everything that was applied goes, then what anybody manages comes back ...
  const kept = union(presentWithout(lastNamed), withNamedStructs(type, managed));
  // ... and then what he has not applied himself: that was never his to take away.
  const left = presentWithout(difference(present, kept));
  return removeFields(type, merged, intersection(difference(present, left), lastNamed));
}
