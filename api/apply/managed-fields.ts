/**
 * `metadata.managedFields`: who manages which fields of an object. One entry per manager, operation and subresource (and,
 * for updates, API version).
 */
import type { ManagedFieldsEntry } from '../generated/meta-v1.js';
import type { FieldSet } from './field-set.js';
import { isEmptySet, union } from './field-set.js';
import { decodeFieldsV1, encodeFieldsV1 } from './fields-v1.js';
import { hasNoKeys, sameJson } from './json-values.js';
import { compareTexts } from './path-element.js';

export type ManagerOperation = 'Apply' | 'Update';

/** One entry, read. */
export interface FieldManager {
  readonly manager: string;
  readonly operation: ManagerOperation;
  readonly apiVersion: string;
  /** '' for the main resource. */
  readonly subresource: string;
  /** RFC 3339, whole seconds; '' in an entry that somebody wrote without one. */
  readonly time: string;
  readonly fields: FieldSet;
  /** What it was read from, to be written again as it is while nothing changes. */
  readonly source?: ManagedFieldsEntry;
}

/** So many managers that update are told apart; the oldest are then merged into one. */
export const maxUpdateManagers = 10;
export const oldUpdatesManager = 'ancient-changes';

/** Whether two entries are of the same manager. Who applies stays himself with another API version. */
export function isSameManager(
  a: Omit<FieldManager, 'fields' | 'time'>,
  b: Omit<FieldManager, 'fields' | 'time'>,
): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    (a.operation === 'Apply' || a.apiVersion === b.apiVersion)
  );
}

/** Reads the entries of a stored object. Undefined when one of them is not as the server writes them. */
export function readManagers(
  entries: readonly ManagedFieldsEntry[] | undefined,
): readonly FieldManager[] | undefined {
  const managers: FieldManager[] = [];
  for (const entry of entries ?? []) {
    const manager = readManager(entry, (fields) => fields as FieldSet);
    if (manager === undefined) return undefined;
    managers.push(manager);
  }
  return managers;
}

/** Reads entries that a client sent. Undefined when one of them cannot be read. */
export function parseManagers(entries: readonly ManagedFieldsEntry[]): readonly FieldManager[] | undefined {
  const managers: FieldManager[] = [];
  for (const entry of entries) {
    const manager = readManager(entry, parseFields);
    if (manager === undefined) return undefined;
    // An entry that comes twice: the last one is what the client meant.
    const same = managers.findIndex((other) => isSameManager(other, manager));
    if (same >= 0) managers[same] = manager;
    else managers.push(manager);
  }
  return managers;
}

function parseFields(json: unknown): FieldSet | undefined {
  try {
    return decodeFieldsV1(json);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function readManager(
  entry: ManagedFieldsEntry,
  readFields: (json: unknown) => FieldSet | undefined,
): FieldManager | undefined {
  const { manager = '', operation, apiVersion = '', subresource = '', time = '' } = entry;
  if (operation !== 'Apply' && operation !== 'Update') return undefined;
  if (apiVersion === '' || entry.fieldsType !== 'FieldsV1') return undefined;
  const fields = readFields(entry.fieldsV1 ?? {});
  if (fields === undefined) return undefined;
  return { manager, operation, apiVersion, subresource, time, fields, source: entry };
}

/**
 * The managers whom a change starts from. An update may rewrite managedFields, and take them off with a single empty
 * entry (`[{}]`). Who sends none, or what cannot be read, leaves them as they are; so does every write of a subresource.
 */
export function managersBeforeUpdate(
  live: readonly ManagedFieldsEntry[] | undefined,
  sent: readonly ManagedFieldsEntry[] | undefined,
  subresource: string,
): readonly FieldManager[] {
  const [first] = sent ?? [];
  if (sent === undefined || first === undefined || subresource !== '' || sameJson(sent, live))
    return readManagers(live) ?? [];
  if (hasNoKeys(first)) return [];
  return parseManagers(sent) ?? readManagers(live) ?? [];
}

/** The entries as they are stored: sorted, without managers that manage nothing. Undefined when there are none. */
export function writeManagers(managers: readonly FieldManager[]): ManagedFieldsEntry[] | undefined {
  const entries = managers
    .filter(({ fields }) => !isEmptySet(fields))
    .sort(compareManagers)
    .map(writeManager);
  return entries.length === 0 ? undefined : entries;
}

function writeManager(manager: FieldManager): ManagedFieldsEntry {
  const { source, operation, apiVersion, subresource, time, fields } = manager;
  // What was stored is in order; only sets that are new have to be brought into it.
  const isStored = source?.fieldsV1 === fields;
  if (isStored && (source.time ?? '') === time) return source;
  const fieldsV1 = isStored ? fields : encodeFieldsV1(fields);
  return {
    manager: manager.manager,
    operation,
    apiVersion,
    ...(time === '' ? {} : { time }),
    fieldsType: 'FieldsV1',
    fieldsV1: fieldsV1,
    ...(subresource === '' ? {} : { subresource }),
  };
}

function compareManagers(a: FieldManager, b: FieldManager): number {
  return (
    compareTexts(a.operation, b.operation) ||
    secondsOf(a) - secondsOf(b) ||
    compareTexts(a.manager, b.manager) ||
    compareTexts(a.apiVersion, b.apiVersion) ||
    compareTexts(a.subresource, b.subresource)
  );
}

function secondsOf({ time }: FieldManager): number {
  return time === '' ? 0 : Math.floor(Date.parse(time) / 1000);
}

/** Merges the oldest updates of an API version until there are not more than {@link maxUpdateManagers}. */
export function capUpdateManagers(managers: readonly FieldManager[]): readonly FieldManager[] {
  const updates = managers.filter(({ operation }) => operation === 'Update');
  let excess = updates.length - maxUpdateManagers;
  if (excess <= 0) return managers;
  updates.sort((a, b) => secondsOf(a) - secondsOf(b) || compareTexts(a.manager, b.manager));
  const gone = new Set<FieldManager>();
  const buckets = new Map<string, { members: FieldManager[]; fields: FieldSet }>();
  for (const update of updates) {
    if (excess <= 0) break;
    const bucket = buckets.get(update.apiVersion);
    if (bucket === undefined) {
      buckets.set(update.apiVersion, { members: [update], fields: update.fields });
      continue;
    }
    bucket.members.push(update);
    bucket.fields = union(bucket.fields, update.fields);
    excess--;
  }
  const merged: FieldManager[] = [];
  for (const [apiVersion, { members, fields }] of buckets) {
    // One alone is still known by its name.
    if (members.length < 2) continue;
    for (const member of members) gone.add(member);
    // The youngest of those that went in says how old the entry is.
    const time = members.at(-1)?.time ?? '';
    merged.push({
      manager: oldUpdatesManager,
      operation: 'Update',
      apiVersion,
      subresource: '',
      time,
      fields,
    });
  }
  return mergeSame([...managers.filter((manager) => !gone.has(manager)), ...merged]);
}

/** A bucket that was already there and did not belong to the oldest takes the new one in. */
function mergeSame(managers: readonly FieldManager[]): readonly FieldManager[] {
  const result: FieldManager[] = [];
  for (const manager of managers) {
    const index = result.findIndex((other) => isSameManager(other, manager));
    const other = result[index];
    if (other === undefined) result.push(manager);
    else result[index] = { ...manager, fields: union(other.fields, manager.fields) };
  }
  return result;
}
