/**
 * Server-side apply: merges the fields that a manager wants into an object, and keeps the books about who manages what.
 *
 * Follows Kubernetes' rules: a field that another manager has with another value is a conflict unless it is forced; a
 * field that the manager applied before and leaves out now is removed when nobody else manages it; the same value applied
 * by two is managed by both.
 */
import type { ManagedFieldsEntry } from '../generated/meta-v1.js';
import type { KubernetesObject } from '../objects.js';
import type { ObjectType } from '../object-type.js';
import { StatusError } from '../status-error.js';
import type { ApplyConflict } from './apply-conflict.js';
import { applyConflictError, conflictingFields, withoutFields } from './apply-conflict.js';
import type { Comparison } from './compare.js';
import { compareObjects, writtenFields } from './compare.js';
import type { FieldSet } from './field-set.js';
import { difference, emptySet, intersection, isEmptySet, sameSet, union } from './field-set.js';
import type { JsonObject } from './json-values.js';
import { hasNoKeys, objectOrEmpty, sameJson } from './json-values.js';
import { fieldsOfLastApplied, kubectlManager, lastAppliedOf, withLastApplied } from './last-applied.js';
import type { FieldManager } from './managed-fields.js';
import { isSameManager, readManagers, writeManagers } from './managed-fields.js';
import { mergeObjects } from './merge.js';
import type { MergeType } from './merge-type.js';
import { pruneGivenUp } from './prune.js';
import { toFieldSet } from './to-field-set.js';
import type { Writer } from './track-update.js';

export interface ApplyRequest extends Writer {
  /** The kind of the object. */
  readonly type: ObjectType;
  /** What nobody manages, see `unmanagedFields`. */
  readonly unmanaged: FieldSet;
  /** What the manager wants: the parsed body. */
  readonly config: JsonObject;
  /** The stored object, undefined when the configuration creates it. It is not changed. */
  readonly live: object | undefined;
  /** Take fields over from their managers instead of failing. */
  readonly force: boolean;
}

export interface Applied {
  /** The merged object, not yet defaulted or validated. Shares parts with what went in. */
  readonly object: JsonObject;
  /** Undefined for none; the list of the live object itself when nothing has changed. */
  readonly managedFields: readonly ManagedFieldsEntry[] | undefined;
}

/**
 * Applies a configuration. Throws StatusError: BadRequest for a configuration that is not of the kind or has what it must
 * not have, Conflict (with a cause for each field) when others manage what it would change.
 */
export function applyConfiguration(request: ApplyRequest): Applied {
  const { config, live, apiVersion, manager } = request;
  const type = request.type.mergeType;
  const wanted = readConfiguration(request, type);
  const liveObject = objectOrEmpty(live);
  const liveEntries = managedFieldsOf(liveObject);
  const managers = readManagers(liveEntries) ?? [];
  const self = { manager, operation: 'Apply', apiVersion, subresource: request.subresource } as const;
  const known = managers.find((other) => isSameManager(other, self));
  const others = managers.filter((other) => other !== known);
  const merged = mergeObjects(type, withoutManagedFields(liveObject), config);
  const given = pruneGivenUp(type, merged, {
    last: known?.fields ?? emptySet,
    // What is the server's, as the name and the uid, is not a manager's to give up.
    managed: others.reduce((all, { fields }) => union(all, fields), union(wanted, request.unmanaged)),
    wanted,
  });
  // A struct that the configuration names, and names empty, went with the last field that was given up in it.
  const left = given === merged ? merged : mergeObjects(type, given, config);
  // Quantities and times in another spelling are no change.
  const object = asJson(request.type.read(left, { fill: false }).object);
  const before = withoutManagedFields(liveObject);
  const comparison = compareObjects(type, before, object, { unmanaged: request.unmanaged });
  if (live !== undefined) refuseConflicts(request, type, others, comparison);

  const changed = !sameJson(before, object);
  const isNoop = !changed && known?.apiVersion === apiVersion && sameSet(known.fields, wanted);
  const next: FieldManager = isNoop ? known : { ...self, time: request.time, fields: wanted };
  const entries = writeManagers([...withoutTaken(others, comparison), next]);
  const managedFields = liveEntries !== undefined && sameJson(entries, liveEntries) ? liveEntries : entries;
  return { object: trackLastApplied(request, object), managedFields };
}

/** The fields of the configuration. Throws BadRequest. */
function readConfiguration(request: ApplyRequest, type: MergeType): FieldSet {
  const { config, apiVersion, unmanaged } = request;
  const metadata = objectOrEmpty(config['metadata']);
  if (Array.isArray(metadata['managedFields']))
    throw new StatusError('BadRequest', 'metadata.managedFields must be nil');
  const kind = typeof config['kind'] === 'string' ? config['kind'] : '';
  if (config['apiVersion'] !== apiVersion || kind !== request.type.kind)
    throw new StatusError(
      'BadRequest',
      `invalid object type: ${showValue(config['apiVersion'])}, Kind=${kind}`,
    );
  // Types first: the walk below takes them for granted.
  request.type.read(config, { fill: false });
  const problems: string[] = [];
  const set = toFieldSet(type, config, { unmanaged, problems });
  if (problems.length > 0) {
    const what = problems.length === 1 ? (problems[0] ?? '') : `errors:\n  ${problems.join('\n  ')}`;
    const where = `${showValue(metadata['namespace'])}/${showValue(metadata['name'])}`;
    throw new StatusError(
      'BadRequest',
      `failed to create typed patch object (${where}; ${apiVersion}, Kind=${kind}): ${what}`,
    );
  }
  return set;
}

function showValue(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function asJson(object: KubernetesObject): JsonObject {
  return object as unknown as JsonObject;
}

function managedFieldsOf(object: JsonObject): readonly ManagedFieldsEntry[] | undefined {
  const entries = objectOrEmpty(object['metadata'])['managedFields'];
  return Array.isArray(entries) ? (entries as readonly ManagedFieldsEntry[]) : undefined;
}

function withoutManagedFields(object: JsonObject): JsonObject {
  const metadata = objectOrEmpty(object['metadata']);
  if (metadata['managedFields'] === undefined) return object;
  const rest = { ...metadata };
  Reflect.deleteProperty(rest, 'managedFields');
  return { ...object, metadata: rest };
}

/** Throws Conflict. */
function refuseConflicts(
  { live, apiVersion, manager, force }: ApplyRequest,
  type: MergeType,
  others: readonly FieldManager[],
  comparison: Comparison,
): void {
  if (force) return;
  const written = writtenFields(comparison);
  if (isEmptySet(written)) return;
  const conflicts: ApplyConflict[] = others
    .map((other) => ({ manager: other, fields: intersection(other.fields, written) }))
    .filter(({ fields }) => !hasNoKeys(fields));
  if (conflicts.length === 0) return;
  // Who comes from client-side apply does not conflict with what he has applied himself.
  const allowed = manager === kubectlManager ? fieldsOfLastApplied(type, live, apiVersion) : emptySet;
  if (isEmptySet(difference(conflictingFields(conflicts), allowed))) return;
  throw applyConflictError(withoutFields(conflicts, allowed));
}

/** The other managers without what was changed under them, and without what is gone. */
function withoutTaken(others: readonly FieldManager[], comparison: Comparison): readonly FieldManager[] {
  const taken = union(writtenFields(comparison), comparison.removed);
  if (isEmptySet(taken)) return others;
  return others.map((other) => {
    const fields = difference(other.fields, taken);
    return fields === other.fields ? other : { ...other, fields };
  });
}

function trackLastApplied({ manager, config }: ApplyRequest, object: JsonObject): JsonObject {
  return manager === kubectlManager && lastAppliedOf(object) !== undefined
    ? withLastApplied(object, config)
    : object;
}
