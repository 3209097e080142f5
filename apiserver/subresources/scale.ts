/** The scale subresource: the one number that autoscalers and `kubectl scale` care about, for every workload alike. */
import type { Scale } from '../../api/generated/autoscaling-v1.js';
import type { LabelSelector as LabelSelectorObject } from '../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../api/objects.js';
import { formatLabelSelector, selectorFromObject, selectorFromSet } from '../../api/selectors.js';
import { StatusError } from '../../api/status-error.js';
import type { Handler, ResourceRequest } from '../handlers/context.js';
import { applyPatchType } from '../handlers/field-management.js';
import { readPatch } from '../handlers/patch.js';
import { emptyBody, readSubresourceObject } from '../handlers/read-object.js';
import { readDryRun } from '../handlers/request-options.js';
import { changeObject } from '../handlers/update.js';
import { respondSubresource } from '../handlers/represent.js';
import { mediaTypeOf } from '../http/body.js';
import { apiVersionOf } from '../storage/object-codec.js';
import { decodeObject } from '../../api/schema/decode.js';

const schemaName = 'autoscaling/v1.Scale';

/** What all workloads that can be scaled look like. */
interface Scalable extends KubernetesObject {
  spec: { replicas?: number; selector?: LabelSelectorObject | Record<string, string> };
  status: { replicas?: number };
}

export const handleGetScale: Handler = async (request) => {
  const { exchange, served, path } = request;
  const stored = await served.storage.get(path.namespace, path.name, exchange.signal);
  await respondSubresource(request, 200, schemaName, scaleOf(stored.object as Scalable));
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
    await respondSubresource(request, 200, schemaName, scaleOf(object as Scalable));
    return;
  }
  const apply = await readPatch(request, { schema, schemaName });
  await changeScale(
    request,
    (current) => decodeObject<Partial<Scale>>(schema, schemaName, apply(current), { fill: false }).object,
  );
};

/** An applied Scale, as a configuration of the workload: it speaks of the replicas and of nothing else. */
function workloadConfiguration(
  { served, parts }: ResourceRequest,
  value: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  if (value['apiVersion'] !== 'autoscaling/v1' || value['kind'] !== 'Scale')
    throw new StatusError('BadRequest', 'the configuration is not a Scale of autoscaling/v1');
  const { metadata, spec } = decodeObject<Partial<Scale>>(parts.schema, schemaName, value, {
    fill: false,
  }).object;
  const { definition } = served;
  return { apiVersion: apiVersionOf(definition), kind: definition.kind, metadata, spec };
}

async function changeScale(
  request: ResourceRequest,
  next: (current: object) => Partial<Scale>,
): Promise<void> {
  const { exchange, path } = request;
  const updated = await changeObject(request, {
    scope: 'main',
    dryRun: readDryRun(exchange),
    next: (current) => {
      const scale = next(scaleOf(current as Scalable));
      const meta = (scale.metadata ?? {}) as { name?: string; resourceVersion?: string; uid?: string };
      if (meta.name !== undefined && meta.name !== path.name)
        throw new StatusError(
          'BadRequest',
          `the name of the object (${meta.name}) does not match the name on the URL (${path.name})`,
        );
      const replicas = scale.spec?.replicas ?? 0;
      const changed = structuredClone(current) as Scalable;
      // A Scale without a version is meant for whatever is there now.
      changed.metadata.resourceVersion = meta.resourceVersion ?? '';
      changed.spec.replicas = replicas;
      return changed;
    },
  });
  await respondSubresource(request, 200, schemaName, scaleOf(updated as Scalable));
}

/** A workload as a Scale. */
export function scaleOf({
  metadata,
  spec,
  status,
}: Scalable): KubernetesObject & { spec: object; status: object } {
  const { name, namespace, uid, resourceVersion, creationTimestamp } = metadata;
  const selector = spec.selector === undefined ? '' : formatLabelSelector(readSelector(spec.selector));
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
    spec: { replicas: spec.replicas ?? 0 },
    status: { replicas: status.replicas ?? 0, ...(selector === '' ? {} : { selector }) },
  };
}

/** A map of labels in v1, a selector object everywhere else. */
function readSelector(
  selector: NonNullable<Scalable['spec']['selector']>,
): ReturnType<typeof selectorFromSet> {
  const isObject =
    typeof (selector as LabelSelectorObject).matchLabels === 'object' ||
    Array.isArray((selector as LabelSelectorObject).matchExpressions);
  return isObject ? selectorFromObject(selector) : selectorFromSet(selector as Record<string, string>);
}
