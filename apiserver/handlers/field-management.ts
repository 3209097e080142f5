/** How writes keep `metadata.managedFields`: who writes, what he has changed, and when the answer is "nothing". */
import { sameJson, sameMembers } from '../../api/apply/json-values.js';
import { checkManagerOptions, managerFromUserAgent } from '../../api/apply/manager-name.js';
import type { Writer } from '../../api/apply/track-update.js';
import { trackUpdate } from '../../api/apply/track-update.js';
import type { WrittenPart } from '../../api/apply/unmanaged-fields.js';
import { unmanagedFields } from '../../api/apply/unmanaged-fields.js';
import type { ManagedFieldsEntry } from '../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { timestamp } from '../resources/object-meta.js';
import { apiVersionOf } from '../storage/object-codec.js';
import type { ResourceRequest } from './context.js';
import { readBoolean } from './request-options.js';

export const applyPatchType = 'application/apply-patch+yaml';

const optionsOfMethod: Readonly<Record<string, 'CreateOptions' | 'UpdateOptions' | 'PatchOptions'>> = {
  POST: 'CreateOptions',
  PUT: 'UpdateOptions',
  PATCH: 'PatchOptions',
};

/** Who writes: the `fieldManager` parameter, or the program of the User-Agent. Throws Invalid. */
export function writerOf(request: ResourceRequest, isApply = false): Writer {
  const { exchange, path, served, parts } = request;
  const fieldManager = exchange.query.get('fieldManager') ?? '';
  const force = exchange.method === 'PATCH' ? readBoolean(exchange, 'force') : undefined;
  if (fieldManager !== '' || force !== undefined || isApply) {
    const options = optionsOfMethod[exchange.method] ?? 'UpdateOptions';
    checkManagerOptions(options, { fieldManager, force, isApply });
  }
  return {
    manager: fieldManager === '' ? managerFromUserAgent(exchange.headers['user-agent']) : fieldManager,
    apiVersion: apiVersionOf(served.definition),
    subresource: path.subresource,
    time: timestamp(parts.clock.now()),
  };
}

/** Records the writer as the manager of what a new object has, before the server adds anything of its own. */
export function trackCreation(request: ResourceRequest, object: KubernetesObject): void {
  const managedFields = track(request, 'main', object, request.served.type.emptyObject, undefined);
  setManagedFields(object, managedFields);
}

/** managedFields of an object after a change of one of its parts, see {@link trackCreation}. */
export function trackChange(
  request: ResourceRequest,
  part: WrittenPart,
  next: KubernetesObject,
  current: KubernetesObject,
): readonly ManagedFieldsEntry[] | undefined {
  return track(request, part, next, current, current.metadata.managedFields);
}

function track(
  request: ResourceRequest,
  part: WrittenPart,
  after: KubernetesObject,
  before: unknown,
  liveManagedFields: readonly ManagedFieldsEntry[] | undefined,
): readonly ManagedFieldsEntry[] | undefined {
  const { definition } = request.served;
  const type = request.served.type.mergeType;
  const sentManagedFields = (after.metadata as { managedFields?: ManagedFieldsEntry[] }).managedFields;
  return trackUpdate({
    ...writerOf(request),
    type,
    unmanaged: unmanagedFields(type, part, definition.subresources.includes('status')),
    before,
    after,
    liveManagedFields,
    sentManagedFields,
  });
}

export function setManagedFields(
  object: KubernetesObject,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
): void {
  if (managedFields === undefined) delete object.metadata.managedFields;
  else object.metadata.managedFields = managedFields as ManagedFieldsEntry[];
}

/**
 * Gives `next` its managedFields. When all that a write would change is the time of an entry, the times that are there
 * stay, so that it is no write at all: a writer may set what the server then takes back, again and again.
 */
export function settleManagedFields(
  next: KubernetesObject,
  current: KubernetesObject,
  managedFields: readonly ManagedFieldsEntry[] | undefined,
): void {
  const live = current.metadata.managedFields;
  const isOnlyTime =
    managedFields !== live &&
    managedFields !== undefined &&
    live !== undefined &&
    differOnlyInTime(managedFields, live) &&
    sameMembers(next, current, ['metadata']) &&
    sameMembers(next.metadata, current.metadata, ['managedFields', 'resourceVersion']);
  setManagedFields(next, isOnlyTime ? live : managedFields);
}

/** The order may differ, because it depends on the times. */
function differOnlyInTime(a: readonly ManagedFieldsEntry[], b: readonly ManagedFieldsEntry[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((entry) => b.some((other) => entry === other || sameButForTime(entry, other)));
}

function sameButForTime(a: ManagedFieldsEntry, b: ManagedFieldsEntry): boolean {
  return (
    a.manager === b.manager &&
    a.operation === b.operation &&
    a.subresource === b.subresource &&
    a.apiVersion === b.apiVersion &&
    sameJson(a.fieldsV1, b.fieldsV1)
  );
}
