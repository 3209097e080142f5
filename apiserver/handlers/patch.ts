/** PATCH: JSON Patch, JSON Merge Patch, Kubernetes' strategic merge patch, and server-side apply. */
import type { KubernetesObject } from '../../api/objects.js';
import type { DescribedName } from '../../api/object-type.js';
import { StatusError } from '../../api/status-error.js';
import { mediaTypeOf, parseJsonBody, readBody } from '../http/body.js';
import type { Handler, ResourceRequest } from './context.js';
import { applyPatchType } from './field-management.js';
import { decodeResource, reportProblems } from './read-object.js';
import { respondObject } from './represent.js';
import { readDryRun } from './request-options.js';
import { changeObject, scopeOf } from './update.js';

/** Applies a patch to a JSON value; throws BadRequest or Invalid. */
export type ApplyPatch = (current: unknown) => unknown;

const strategicPatchType = 'application/strategic-merge-patch+json';
const patchTypes = ['application/json-patch+json', 'application/merge-patch+json'];

export const handlePatch: Handler = async (request) => {
  const scope = scopeOf(request);
  const { served, exchange } = request;
  if (mediaTypeOf(exchange) === applyPatchType) {
    const { applyToObject, readConfiguration } = await import('./apply.js');
    const { object, created } = await applyToObject(request, scope, await readConfiguration(request));
    await respondObject(request, created ? 201 : 200, object);
    return;
  }
  const apply = await readPatch(request, served.type.described);
  const updated = await changeObject(request, {
    scope,
    dryRun: readDryRun(exchange),
    next: (current) => patchedObject(request, apply, current),
  });
  await respondObject(request, 200, updated);
};

function patchedObject(
  request: ResourceRequest,
  apply: ApplyPatch,
  current: KubernetesObject,
): KubernetesObject {
  const next = decodeResource(request, { value: apply(current) });
  const { metadata } = next;
  if (metadata.name !== current.metadata.name)
    throw new StatusError('BadRequest', 'the name of an object cannot be changed by a patch');
  if (metadata.namespace !== current.metadata.namespace)
    throw new StatusError('BadRequest', 'the namespace of an object cannot be changed by a patch');
  return next;
}

/**
 * Reads the patch of a request for objects of the given type; there is no strategic merge of what is not described.
 * Throws UnsupportedMediaType and BadRequest.
 */
export async function readPatch(
  request: ResourceRequest,
  described: DescribedName | undefined,
): Promise<ApplyPatch> {
  const { exchange } = request;
  const type = mediaTypeOf(exchange);
  const supported = described === undefined ? patchTypes : [...patchTypes, strategicPatchType];
  if (!supported.includes(type)) throw unsupported(type, supported);
  const body = parseJsonBody(await readBody(exchange));
  const patch = body.value;
  // The fields of the result are looked at when it is there; keys that stood twice are visible only here.
  reportProblems(request, [], body);
  switch (type) {
    case 'application/json-patch+json': {
      const { applyJsonPatch } = await import('../../api/patch/json-patch.js');
      return (current) => applyJsonPatch(current, patch);
    }
    case 'application/merge-patch+json': {
      const { applyMergePatch } = await import('../../api/patch/merge-patch.js');
      return (current) => applyMergePatch(current, requireObject(patch));
    }
    default: {
      if (described === undefined) throw unsupported(type, supported);
      const { schema, schemaName } = described;
      const { applyStrategicMergePatch } = await import('../../api/patch/strategic-merge-patch.js');
      return (current) => applyStrategicMergePatch(current, requireObject(patch), schema, schemaName);
    }
  }
}

function requireObject(patch: unknown): unknown {
  if (typeof patch !== 'object' || patch === null || Array.isArray(patch))
    throw new StatusError('BadRequest', 'the patch is not a JSON object');
  return patch;
}

function unsupported(type: string, supported: readonly string[]): StatusError {
  const list = [...supported, applyPatchType].join(', ');
  return new StatusError(
    'UnsupportedMediaType',
    `the body of the request was in an unknown format (${type}) - accepted media types include: ${list}`,
  );
}
