/** PATCH with an apply patch: server-side apply, which also creates. */
import { applyConfiguration } from '../../api/apply/apply.js';
import { unmanagedFields } from '../../api/apply/unmanaged-fields.js';
import type { KubernetesObject } from '../../api/objects.js';
import { conflict, isStatusError, StatusError } from '../../api/status-error.js';
import type { RequestBody } from '../http/body.js';
import { parseJsonBody, parseYamlBody, readBody } from '../http/body.js';
import { subjectOf } from '../storage/error-subject.js';
import type { ResourceRequest } from './context.js';
import { createFromClient } from './create.js';
import { setManagedFields, writerOf } from './field-management.js';
import { decodeResource, emptyBody } from './read-object.js';
import { readBoolean, readDryRun } from './request-options.js';
import type { UpdateScope } from './update.js';
import { changeObject } from './update.js';

/** An object may come and go between the looks at it, but not for ever. */
const maxAttempts = 4;

export interface Configuration extends RequestBody {
  readonly value: Readonly<Record<string, unknown>>;
}

export interface ApplyResult {
  readonly object: KubernetesObject;
  readonly created: boolean;
}

/** Reads the configuration of a request: YAML, and so JSON. Throws BadRequest. */
export async function readConfiguration(request: ResourceRequest): Promise<Configuration> {
  const bytes = await readBody(request.exchange);
  if (bytes.length === 0) throw emptyBody();
  // Most clients send JSON, which is read much faster.
  const body: RequestBody = isJsonObjectText(bytes) ? parseJsonBody(bytes) : await parseYamlBody(bytes);
  const { value } = body;
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StatusError('BadRequest', 'error decoding YAML: the configuration is not an object');
  return { ...body, value: value as Record<string, unknown> };
}

function isJsonObjectText(bytes: Buffer): boolean {
  return bytes[0] === 0x7b && bytes.lastIndexOf(0x7d) === bytes.toString().trimEnd().length - 1;
}

/** Applies a configuration to the object that the request addresses; creates it where it is not there. */
export async function applyToObject(
  request: ResourceRequest,
  scope: UpdateScope,
  configuration: Configuration,
): Promise<ApplyResult> {
  const { exchange } = request;
  // Refuses wrong parameters before anything is looked up.
  writerOf(request, true);
  const dryRun = readDryRun(exchange);
  const addressed = { ...configuration, value: withAddress(request, configuration.value) };
  for (let attempt = 1; ; attempt++) {
    try {
      const object = await changeObject(request, {
        scope,
        dryRun,
        tracked: true,
        next: (current) => appliedObject(request, scope, addressed, current),
      });
      return { object, created: false };
    } catch (error) {
      if (!isStatusError(error, 'NotFound') || request.path.subresource !== '' || attempt >= maxAttempts)
        throw error;
    }
    try {
      return { object: await createByApply(request, addressed, dryRun), created: true };
    } catch (error) {
      if (!isStatusError(error, 'AlreadyExists') || attempt >= maxAttempts) throw error;
    }
  }
}

async function createByApply(
  request: ResourceRequest,
  configuration: Configuration,
  dryRun: boolean,
): Promise<KubernetesObject> {
  const object = appliedObject(request, 'main', configuration, undefined);
  const { uid } = object.metadata as { uid?: string };
  if (uid !== undefined && uid !== '')
    throw conflict(
      subjectOf(request.served.definition),
      request.path.name,
      `uid mismatch: the provided object specified uid ${uid}, and no existing object was found`,
    );
  return createFromClient(request, object, dryRun, { tracked: true });
}

function appliedObject(
  request: ResourceRequest,
  scope: UpdateScope,
  { value, ...body }: Configuration,
  live: KubernetesObject | undefined,
): KubernetesObject {
  const { type, definition } = request.served;
  const { object, managedFields } = applyConfiguration({
    ...writerOf(request, true),
    type,
    unmanaged: unmanagedFields(type.mergeType, scope, definition.subresources.includes('status')),
    config: value,
    live,
    force: readBoolean(request.exchange, 'force') === true,
  });
  const next = decodeResource(request, { ...body, value: object });
  setManagedFields(next, managedFields);
  return next;
}

/** Name and namespace of the URL hold; a configuration may leave them out, but not contradict. */
function withAddress(
  { path, served }: ResourceRequest,
  config: Configuration['value'],
): Configuration['value'] {
  const { metadata: sent } = config;
  if (sent !== undefined && sent !== null && (typeof sent !== 'object' || Array.isArray(sent)))
    throw new StatusError('BadRequest', 'metadata is not an object');
  const metadata: Record<string, unknown> = { ...sent };
  const name = metadata['name'] ?? path.name;
  if (name !== path.name)
    throw new StatusError(
      'BadRequest',
      `the name of the object (${JSON.stringify(name)}) does not match the name on the URL (${path.name})`,
    );
  const namespace = metadata['namespace'] ?? path.namespace;
  if (served.definition.namespaced && namespace !== path.namespace)
    throw new StatusError(
      'BadRequest',
      'the namespace of the provided object does not match the namespace sent on the request',
    );
  delete metadata['namespace'];
  return {
    ...config,
    metadata: { ...metadata, name, ...(served.definition.namespaced ? { namespace } : {}) },
  };
}
