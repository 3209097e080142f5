/** What a create, an update or a patch (all but server-side apply) does to managedFields. */
import type { ManagedFieldsEntry } from '../generated/meta-v1.js';
import { compareObjects, isSameComparison, writtenFields } from './compare.js';
import type { FieldSet } from './field-set.js';
import { difference, union } from './field-set.js';
import { sameJson } from './json-values.js';
import type { FieldManager } from './managed-fields.js';
import {
  capUpdateManagers,
  isSameManager,
  managersBeforeUpdate,
  readManagers,
  writeManagers,
} from './managed-fields.js';
import type { MergeType } from './merge-type.js';

/** Who writes, and through which endpoint. */
export interface Writer {
  readonly manager: string;
  readonly apiVersion: string;
  /** '' for the main resource. */
  readonly subresource: string;
  /** Now, RFC 3339 in whole seconds. */
  readonly time: string;
}

export interface UpdateToTrack extends Writer {
  readonly type: MergeType;
  /** What nobody manages, see {@link unmanagedFields}. */
  readonly unmanaged: FieldSet;
  /** The stored object; at creation the empty one of its kind. */
  readonly before: unknown;
  /** The object as the client wants it, with defaults, before the server adds anything of its own. */
  readonly after: unknown;
  /** managedFields of the stored object. */
  readonly liveManagedFields: readonly ManagedFieldsEntry[] | undefined;
  /** managedFields in what the client sent. */
  readonly sentManagedFields: readonly ManagedFieldsEntry[] | undefined;
}

/**
 * managedFields after the write: the writer gets what he has added or changed, the others lose that and what is gone.
 * Returns `liveManagedFields` itself when nothing changes; otherwise a new list, undefined for an empty one.
 */
export function trackUpdate(update: UpdateToTrack): readonly ManagedFieldsEntry[] | undefined {
  const { liveManagedFields, sentManagedFields, subresource } = update;
  const comparison = compareObjects(update.type, update.before, update.after, {
    unmanaged: update.unmanaged,
  });
  const sendsSame = sentManagedFields === undefined || sameJson(sentManagedFields, liveManagedFields);
  if (sendsSame && isSameComparison(comparison)) return liveManagedFields;
  const before = sendsSame
    ? (readManagers(liveManagedFields) ?? [])
    : managersBeforeUpdate(liveManagedFields, sentManagedFields, subresource);
  const written = writtenFields(comparison);
  const lost = union(written, comparison.removed);
  const after = before.map((manager) => {
    const fields = difference(manager.fields, isWriter(manager, update) ? comparison.removed : lost);
    return fields === manager.fields ? manager : { ...manager, fields };
  });
  return settle(liveManagedFields, writeManagers(capUpdateManagers(withWritten(after, update, written))));
}

function isWriter(manager: FieldManager, { manager: name, apiVersion, subresource }: Writer): boolean {
  return isSameManager(manager, { manager: nameOf(name), operation: 'Update', apiVersion, subresource });
}

function nameOf(manager: string): string {
  return manager === '' ? 'unknown' : manager;
}

function withWritten(
  managers: readonly FieldManager[],
  writer: Writer,
  written: FieldSet,
): readonly FieldManager[] {
  if (Object.keys(written).length === 0) return managers;
  const { apiVersion, subresource, time } = writer;
  const index = managers.findIndex((manager) => isWriter(manager, writer));
  const known = managers[index];
  if (known === undefined) {
    const manager = nameOf(writer.manager);
    return [...managers, { manager, operation: 'Update', apiVersion, subresource, time, fields: written }];
  }
  return managers.with(index, { ...known, time, fields: union(known.fields, written) });
}

/** The list that is there when the new one says the same. */
function settle(
  live: readonly ManagedFieldsEntry[] | undefined,
  next: readonly ManagedFieldsEntry[] | undefined,
): readonly ManagedFieldsEntry[] | undefined {
  const isSame =
    live !== undefined && live.length === next?.length && live.every((entry, index) => entry === next[index]);
  return isSame ? live : next;
}
