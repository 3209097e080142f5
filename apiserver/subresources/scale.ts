/** The scale subresource: the few numbers that autoscalers and `kubectl scale` care about, for everything that scales alike. */
import type { Scale } from '../../api/generated/autoscaling-v1.js';
import type { LabelSelector as LabelSelectorObject } from '../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { isJsonObject } from '../../api/patch/merge-patch.js';
import { decodeObject } from '../../api/schema/decode.js';
import { formatLabelSelector, selectorFromObject, selectorFromSet } from '../../api/selectors.js';
import { StatusError } from '../../api/status-error.js';
import type { Handler, ResourceRequest, ScalePaths } from '../handlers/context.js';
import { applyPatchType } from '../handlers/field-management.js';
import { readPatch } from '../handlers/patch.js';
import { emptyBody, readSubresourceObject } from '../handlers/read-object.js';
import { respondSubresource } from '../handlers/represent.js';
import { readDryRun } from '../handlers/request-options.js';
import { changeObject } from '../handlers/update.js';
import { mediaTypeOf } from '../http/body.js';
import { apiVersionOf } from '../storage/object-codec.js';

const schemaName = 'autoscaling/v1.Scale';

/** Where workloads have their numbers. Their selectors are objects. */
const workloadPaths: ScalePaths = {
  specReplicas: ['spec', 'replicas'],
  statusReplicas: ['status', 'replicas'],
  selector: ['spec', 'selector'],
};

function pathsOf({ served }: ResourceRequest): ScalePaths {
  return served.scale ?? workloadPaths;
}

export const handleGetScale: Handler = async (request) => {
  const { exchange, served, path } = request;
  const stored = await served.storage.get(path.namespace, path.name, exchange.signal);
  await respondSubresource(request, 200, schemaName, scaleOf(stored.object, pathsOf(request)));
};

export const handleUpdateScale: Handler = async (request) => {
  const { exchange, parts } = request;
  const scale = await readSubresourceObject<Partial<Scale>>(exchange, parts.schema, schemaName);
  if (scale === undefined) throw emptyBody();
  await changeScale(request, () => scale);
};

export const handlePatchScale: Handler = async (request) => {
  const { schema } = request.parts;
  if (mediaTypeOf(request.exchange) === applyPatchType) {
    const { applyToObject, readConfiguration } = await import('../handlers/apply.js');
    const value = workloadConfiguration(request, (await readConfiguration(request)).value);
    const { object } = await applyToObject(request, 'main', { value });
    await respondSubresource(request, 200, schemaName, scaleOf(object, pathsOf(request)));
    return;
  }
  const apply = await readPatch(request, { schema, schemaName });
  await changeScale(
    request,
    (current) => decodeObject<Partial<Scale>>(schema, schemaName, apply(current), { fill: false }).object,
  );
};

/** An applied Scale, as a configuration of what is scaled: it speaks of the replicas and of nothing else. */
function workloadConfiguration(
  request: ResourceRequest,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (value['apiVersion'] !== 'autoscaling/v1' || value['kind'] !== 'Scale')
    throw new StatusError('BadRequest', 'the configuration is not a Scale of autoscaling/v1');
  const { metadata, spec } = decodeObject<Partial<Scale>>(request.parts.schema, schemaName, value, {
    fill: false,
  }).object;
  const { definition } = request.served;
  const configuration = { apiVersion: apiVersionOf(definition), kind: definition.kind, metadata };
  if (spec?.replicas === undefined) return configuration;
  return withValue(configuration, pathsOf(request).specReplicas, spec.replicas) as Record<string, unknown>;
}

async function changeScale(
  request: ResourceRequest,
  next: (current: object) => Partial<Scale>,
): Promise<void> {
  const { exchange, path } = request;
  const paths = pathsOf(request);
  const updated = await changeObject(request, {
    scope: 'main',
    dryRun: readDryRun(exchange),
    next: (current) => {
      const scale = next(scaleOf(current, paths));
      const meta = (scale.metadata ?? {}) as { name?: string; resourceVersion?: string };
      if (meta.name !== undefined && meta.name !== path.name)
        throw new StatusError(
          'BadRequest',
          `the name of the object (${meta.name}) does not match the name on the URL (${path.name})`,
        );
      // Defaults are set on it later, and what is there is shared.
      const copy = structuredClone(current);
      const changed = withValue(copy, paths.specReplicas, scale.spec?.replicas ?? 0) as KubernetesObject;
      // A Scale without a version is meant for whatever is there now.
      const resourceVersion =
        (meta.resourceVersion ?? '') === '' ? current.metadata.resourceVersion : meta.resourceVersion;
      return { ...changed, metadata: { ...changed.metadata, resourceVersion } } as KubernetesObject;
    },
  });
  await respondSubresource(request, 200, schemaName, scaleOf(updated, paths));
}

/** What is scaled, as a Scale. Throws InternalError where a selector is no selector. */
export function scaleOf(
  object: KubernetesObject,
  paths: ScalePaths = workloadPaths,
): KubernetesObject & { spec: object; status: object } {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = object.metadata;
  const selector = paths.selector === undefined ? undefined : valueAt(object, paths.selector);
  const selectorText = selector === undefined ? '' : selectorTextOf(selector);
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      uid,
      resourceVersion,
      creationTimestamp,
    },
    spec: { replicas: replicasAt(object, paths.specReplicas) },
    status: {
      replicas: replicasAt(object, paths.statusReplicas),
      ...(selectorText === '' ? {} : { selector: selectorText }),
    },
  };
}

function replicasAt(object: unknown, path: readonly string[]): number {
  const value = valueAt(object, path);
  return typeof value === 'number' ? value : 0;
}

function valueAt(object: unknown, path: readonly string[]): unknown {
  return path.reduce((value, name) => (isJsonObject(value) ? value[name] : undefined), object);
}

/** A copy of an object with one field set. */
function withValue(object: object, [name, ...rest]: readonly string[], value: unknown): object {
  if (name === undefined) return object;
  const inner = (object as Readonly<Record<string, unknown>>)[name];
  return {
    ...object,
    [name]: rest.length === 0 ? value : withValue(isJsonObject(inner) ? inner : {}, rest, value),
  };
}

/** Custom resources have a text, ReplicationControllers a map of labels, all others an object. */
function selectorTextOf(selector: unknown): string {
  if (typeof selector === 'string') return selector;
  const { matchLabels, matchExpressions } = selector as LabelSelectorObject;
  const isObject = typeof matchLabels === 'object' || Array.isArray(matchExpressions);
  return formatLabelSelector(
    isObject
      ? selectorFromObject(selector as LabelSelectorObject)
      : selectorFromSet(selector as Record<string, string>),
  );
}
