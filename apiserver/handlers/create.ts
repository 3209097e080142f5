/** POST to a collection. */
import { Violations } from '../../api/field-path.js';
import type { KubernetesObject } from '../../api/objects.js';
import { invalid, isStatusError, StatusError } from '../../api/status-error.js';
import type { AdmissionRequest } from '../admission/admission.js';
import { addWarning } from '../http/respond.js';
import {
  defaultNameCheck,
  generateName,
  initializeMeta,
  validateObjectMeta,
} from '../resources/object-meta.js';
import { subjectOf } from '../storage/error-subject.js';
import type { Handler, ResourceRequest, ServedResource } from './context.js';
import { trackCreation } from './field-management.js';
import { readResourceObject } from './read-object.js';
import { respondObject } from './represent.js';
import { releaseUnlessWritten } from './reservation.js';
import { readDryRun } from './request-options.js';

/** So often a generated name is tried that turns out to be taken. */
const maxNameTries = 8;

export const handleCreate: Handler = async (request) => {
  const object = await readResourceObject(request);
  const created = await createFromClient(request, object, readDryRun(request.exchange));
  await respondObject(request, 201, created);
};

export interface CreateOptions {
  /** The object brings its managedFields along; otherwise the client comes to manage what it has set. */
  readonly tracked?: boolean;
}

/** Creates what a client sent, also on behalf of a PUT or an apply. The object is the caller's to give away. */
export async function createFromClient(
  request: ResourceRequest,
  object: KubernetesObject,
  dryRun: boolean,
  options: CreateOptions = {},
): Promise<KubernetesObject> {
  checkScope(request, object);
  if ((object.metadata.resourceVersion as string | undefined) ?? '')
    throw new StatusError('BadRequest', 'resourceVersion should not be set on objects to be created');
  const { metadata } = object;
  if (metadata.name !== '' || (metadata.generateName ?? '') === '')
    return createOnce(request, object, dryRun, options);
  for (let attempt = 1; ; attempt++) {
    const copy = structuredClone(object);
    copy.metadata.name = generateName(metadata.generateName ?? '');
    try {
      return await createOnce(request, copy, dryRun, options);
    } catch (error) {
      if (attempt >= maxNameTries || !isStatusError(error, 'AlreadyExists')) throw error;
    }
  }
}

async function createOnce(
  request: ResourceRequest,
  object: KubernetesObject,
  dryRun: boolean,
  { tracked = false }: CreateOptions,
): Promise<KubernetesObject> {
  const { served, parts, exchange } = request;
  const { strategy, definition, storage } = served;
  strategy.setDefaults?.(object);
  if (!tracked) trackCreation(request, object);
  const admission: AdmissionRequest = {
    operation: 'CREATE',
    definition,
    namespace: object.metadata.namespace ?? '',
    name: object.metadata.name,
    subresource: '',
    user: request.user,
    dryRun,
    object,
  };
  await parts.admission.admit(admission);
  initializeMeta(object, parts.clock.now(), strategy.tracksGeneration === true);
  strategy.prepareForCreate?.(object, request.user);
  const violations = new Violations();
  validateObject(served, object, violations);
  served.strategy.validateCreate?.(object, violations);
  if (violations.any) throw invalid(subjectOf(served.definition), object.metadata.name, violations.causes);
  await parts.admission.validate(admission);
  for (const warning of strategy.warnings?.(object) ?? []) addWarning(exchange, warning);
  const reservation = await strategy.reserve?.(object, undefined, { dryRun });
  if (dryRun) {
    await refuseIfThere(request, object);
    return object;
  }
  try {
    const created = await storage.create(object);
    await reservation?.commit();
    return created;
  } catch (error) {
    await releaseUnlessWritten(reservation, error);
    throw error;
  }
}

/** All violations at once. Throws Invalid. */
export function validateObject(
  { strategy, definition }: ServedResource,
  object: KubernetesObject,
  violations: Violations,
): void {
  validateObjectMeta(
    object,
    { namespaced: definition.namespaced, checkName: strategy.validateName ?? defaultNameCheck },
    violations,
  );
  strategy.validate(object, violations);
}

/** A dry run promises what would happen, a conflict of names included. */
async function refuseIfThere({ served }: ResourceRequest, object: KubernetesObject): Promise<void> {
  const { namespace = '', name } = object.metadata;
  const there = await served.storage.find(namespace, name);
  if (there !== undefined)
    throw new StatusError('AlreadyExists', `${served.definition.plural} "${name}" already exists`);
}

/** The namespace of the URL is that of the object; a cluster-scoped object has none. */
export function checkScope({ path, served }: ResourceRequest, object: KubernetesObject): void {
  const { metadata } = object;
  if (!served.definition.namespaced) {
    delete metadata.namespace;
    return;
  }
  if (path.namespace === '')
    throw new StatusError('BadRequest', 'namespace is required: name it in the path of the request');
  if ((metadata.namespace ?? '') === '') metadata.namespace = path.namespace;
  else if (metadata.namespace !== path.namespace)
    throw new StatusError(
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
}
