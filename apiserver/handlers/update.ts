/** PUT, and what PUT and PATCH have in common: a change of an object that is there. */
import { sameMembers } from '../../api/apply/json-values.js';
import type { WrittenPart } from '../../api/apply/unmanaged-fields.js';
import { Violations } from '../../api/field-path.js';
import type { KubernetesObject } from '../../api/objects.js';
import { conflict, invalid, isStatusError, StatusError } from '../../api/status-error.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { addWarning } from '../http/respond.js';
import { carryMeta, validateMetaUpdate } from '../resources/object-meta.js';
import type { Reservation, SubresourceRules } from '../resources/strategy.js';
import { subjectOf } from '../storage/error-subject.js';
import type { Change } from '../storage/guarded-writes.js';
import type { Handler, ResourceRequest } from './context.js';
import { checkScope, createFromClient, validateObject } from './create.js';
import { endsByUpdate } from './deletion.js';
import { settleManagedFields, trackChange } from './field-management.js';
import { decodeResource, readResourceBody } from './read-object.js';
import { respondObject } from './represent.js';
import { releaseUnlessWritten } from './reservation.js';
import { readDryRun } from './request-options.js';
import { parseResourceVersion } from './request-options.js';

/** Which part of an object a request may change. */
export type UpdateScope = WrittenPart;

const subresourceScopes: readonly string[] = [
  'status',
  'finalize',
  'approval',
  'ephemeralcontainers',
  'resize',
] satisfies readonly UpdateScope[];

export const handleUpdate: Handler = async (request) => {
  const body = await readResourceBody(request);
  const read = (): KubernetesObject => {
    const object = decodeResource(request, body);
    checkScope(request, object);
    checkName(request, object);
    return object;
  };
  // Refuses what is no such object before anything is looked up. The first attempt takes it, later ones read anew.
  let first: KubernetesObject | undefined = read();
  const next = (): KubernetesObject => {
    const object = first ?? read();
    first = undefined;
    return object;
  };
  const dryRun = readDryRun(request.exchange);
  const scope = scopeOf(request);
  try {
    await respondObject(request, 200, await changeObject(request, { scope, dryRun, next }));
  } catch (error) {
    const mayCreate = request.served.strategy.allowsCreateOnUpdate === true && scope === 'main';
    if (!mayCreate || !isStatusError(error, 'NotFound')) throw error;
    const object = next();
    if ((object.metadata.uid as string | undefined) ?? '') throw error;
    object.metadata.resourceVersion = '';
    await respondObject(request, 201, await createFromClient(request, object, dryRun));
  }
};

export function scopeOf({ path, served }: ResourceRequest): UpdateScope {
  if (path.subresource === '') return 'main';
  if (subresourceScopes.includes(path.subresource)) return path.subresource as UpdateScope;
  throw new StatusError(
    'MethodNotAllowed',
    `${served.definition.plural}/${path.subresource} cannot be updated`,
  );
}

function checkName({ path }: ResourceRequest, object: KubernetesObject): void {
  if (object.metadata.name === '')
    throw new StatusError(
      'BadRequest',
      `the name of the object (${path.name} based on URL) was undeterminable: name must be provided`,
    );
  if (object.metadata.name !== path.name)
    throw new StatusError(
      'BadRequest',
      `the name of the object (${object.metadata.name}) does not match the name on the URL (${path.name})`,
    );
}

export interface ObjectChange {
  readonly scope: UpdateScope;
  readonly dryRun: boolean;
  /** `next` has brought managedFields up to date itself; otherwise its changes are recorded as the client's. */
  readonly tracked?: boolean;
  /**
   * The object as it is to be, from what is there, which it must not change; called again after a lost race. The result
   * is changed on its way into the store, and so shares nothing with what is there.
   */
  next(current: KubernetesObject): Promise<KubernetesObject> | KubernetesObject;
}

/** Runs a change through admission and validation into the store. Returns the object as it then is. */
export async function changeObject(
  request: ResourceRequest,
  change: ObjectChange,
): Promise<KubernetesObject> {
  const { path, served } = request;
  let reservation: Reservation | undefined;
  let written: KubernetesObject | undefined;
  try {
    const result = await served.storage.guaranteedUpdate(path.namespace, path.name, async (current) => {
      await reservation?.release();
      reservation = undefined;
      const next = await change.next(current);
      const prepared = await prepare(request, change, next, current);
      if (change.scope === 'main')
        reservation = await served.strategy.reserve?.(prepared, current, { dryRun: change.dryRun });
      written = prepared;
      if (change.dryRun) return { kind: 'keep' };
      return decide(request, prepared, current);
    });
    if (change.dryRun) return { ...(written ?? result.object) };
    await reservation?.commit();
    if (result.deleted) await served.strategy.released?.(result.object);
    return result.deleted && written !== undefined ? written : result.object;
  } catch (error) {
    await releaseUnlessWritten(reservation, error);
    throw error;
  }
}

function decide(
  { served }: ResourceRequest,
  next: KubernetesObject,
  current: KubernetesObject,
): Change<KubernetesObject> {
  return endsByUpdate(served.strategy, next, current) ? { kind: 'delete' } : { kind: 'write', object: next };
}

async function prepare(
  request: ResourceRequest,
  { scope, dryRun, tracked = false }: ObjectChange,
  next: KubernetesObject,
  current: KubernetesObject,
): Promise<KubernetesObject> {
  const { served, parts, exchange } = request;
  const { strategy, definition } = served;
  checkVersion(request, next, current);
  const rules = strategy.subresources?.[scope];
  if (scope === 'main' || rules !== undefined) strategy.setDefaults?.(next);
  if (rules?.check !== undefined) {
    const violations = new Violations();
    rules.check(next, current, violations);
    if (violations.any) throw invalid(subjectOf(definition), current.metadata.name, violations.causes);
  }
  // Before admission and the strategy: what the server adds or takes back is not the client's doing.
  const managedFields = tracked ? next.metadata.managedFields : trackChange(request, scope, next, current);
  const admission: AdmissionRequest = {
    operation: 'UPDATE',
    definition,
    namespace: current.metadata.namespace ?? '',
    name: current.metadata.name,
    subresource: scope === 'main' ? '' : scope,
    user: request.user,
    dryRun,
    object: next,
    before: current,
  };
  await parts.admission.admit(admission);
  carryMeta(next, current);
  const prepared = applyScope(served, scope, next, current);
  if (scope !== 'main') strategy.prepareSubresourceUpdate?.[scope]?.(prepared, current, parts.clock.now());
  if (strategy.tracksGeneration === true && !sameSpec(served, prepared, current))
    prepared.metadata.generation = (current.metadata.generation ?? 0) + 1;
  settleManagedFields(prepared, current, managedFields);
  validateChange(request, scope, prepared, current);
  await parts.admission.validate({ ...admission, object: prepared });
  if (scope === 'main')
    for (const warning of strategy.warnings?.(prepared, current) ?? []) addWarning(exchange, warning);
  return prepared;
}

/** Each endpoint changes its own part: the rest is what was there. */
function applyScope(
  { strategy, definition }: ResourceRequest['served'],
  scope: UpdateScope,
  next: KubernetesObject,
  current: KubernetesObject,
): KubernetesObject {
  const to = next as unknown as Record<string, unknown>;
  const from = current as unknown as Record<string, unknown>;
  switch (scope) {
    case 'main':
      if (definition.subresources.includes('status')) copyField(to, from, 'status');
      strategy.prepareForUpdate?.(next, current);
      return next;
    case 'approval':
    case 'status':
      // A writer of status has no say over who owns the object.
      for (const field of Object.keys(to))
        if (field !== 'status' && field !== 'metadata') copyField(to, from, field);
      for (const field of Object.keys(from)) if (!(field in to)) copyField(to, from, field);
      copyField(
        next.metadata as unknown as Record<string, unknown>,
        current.metadata as unknown as Record<string, unknown>,
        'ownerReferences',
      );
      return next;
    case 'finalize': {
      const { finalizers } = (to['spec'] ?? {}) as { finalizers?: string[] };
      const spec = { ...(from['spec'] as object), finalizers: finalizers ?? [] };
      return { ...current, metadata: { ...current.metadata }, spec } as KubernetesObject;
    }
    case 'ephemeralcontainers':
    case 'resize':
      return takePart(strategy.subresources?.[scope], scope, next, current);
  }
}

function takePart(
  rules: SubresourceRules | undefined,
  scope: UpdateScope,
  next: KubernetesObject,
  current: KubernetesObject,
): KubernetesObject {
  if (rules === undefined) throw new Error(`the strategy of ${current.kind} has no rules for ${scope}`);
  return { ...rules.take(next, current), metadata: { ...current.metadata } };
}

function copyField(to: Record<string, unknown>, from: Record<string, unknown>, field: string): void {
  if (from[field] === undefined) Reflect.deleteProperty(to, field);
  else to[field] = from[field];
}

/** All but metadata and a status that has its own endpoint. */
function sameSpec(
  { definition }: ResourceRequest['served'],
  next: KubernetesObject,
  current: KubernetesObject,
): boolean {
  const hasStatus = definition.subresources.includes('status');
  return sameMembers(next, current, hasStatus ? ['metadata', 'status'] : ['metadata']);
}

/** Optimistic concurrency: who changes what he has not seen is told so. Without a version, the last one wins. */
function checkVersion(
  { served, path }: ResourceRequest,
  next: KubernetesObject,
  current: KubernetesObject,
): void {
  const subject = subjectOf(served.definition);
  const meta: { uid?: string; resourceVersion?: string } = next.metadata;
  const version = meta.resourceVersion ?? '';
  if (version !== '' && parseResourceVersion(version) !== Number(current.metadata.resourceVersion))
    throw conflict(
      subject,
      path.name,
      'the object has been modified; please apply your changes to the latest version and try again',
    );
  const uid = meta.uid ?? '';
  if (uid !== '' && uid !== current.metadata.uid)
    throw conflict(
      subject,
      path.name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
    );
}

function validateChange(
  { served }: ResourceRequest,
  scope: UpdateScope,
  next: KubernetesObject,
  current: KubernetesObject,
): void {
  const { strategy, definition } = served;
  const violations = new Violations();
  validateMetaUpdate(next, current, violations);
  // The rest of the object was valid when it was written; rules that came later must not lock its status.
  if (scope === 'main') {
    validateObject(served, next, violations);
    strategy.validateUpdate?.(next, current, violations);
  }
  strategy.subresources?.[scope]?.validate(next, current, violations);
  if (scope === 'status' || scope === 'approval') strategy.validateStatusUpdate?.(next, current, violations);
  if (violations.any) throw invalid(subjectOf(definition), next.metadata.name, violations.causes);
}
