/** From the text of a manifest to the static Pods that it asks for. Pure. */
import { createHash } from 'node:crypto';
import { parseAllDocuments } from 'yaml';
import type { Pod } from '../../api/generated/core-v1.js';
import { decodeObject } from '../../api/schema/decode.js';
import type { Schema } from '../../api/schema/model.js';
import { podAnnotations } from './static-pod.js';
import type { StaticSource } from './static-pod.js';

/** What is wrong with a manifest, and where. */
export class ManifestError extends Error {
  override readonly name = 'ManifestError';
}

export interface ManifestOrigin {
  readonly source: StaticSource;
  /** The file or URL: part of the Pod's identity. */
  readonly place: string;
  readonly nodeName: string;
  readonly seenAt: string;
  readonly schema: Schema;
}

/**
 * The Pods of a manifest, YAML or JSON: a Pod, or from a URL also a List of them. Each gets this node, a name that ends
 * in the node's, and a uid that is a hash of all of it: an edited manifest is another Pod. Throws {@link ManifestError}.
 */
export function readManifest(text: string, origin: ManifestOrigin): Pod[] {
  const documents = parseAllDocuments(text, { version: '1.1' });
  const [document] = documents;
  if (document === undefined || 'empty' in documents) throw new ManifestError('the manifest is empty');
  if (documents.length > 1) throw new ManifestError('a manifest holds one document, and there are more');
  const [problem] = document.errors;
  if (problem !== undefined) throw new ManifestError(problem.message);
  const value: unknown = document.toJS({ maxAliasCount: 100 });
  const { kind, items } = asRecord(value);
  const isList = kind === 'PodList' || kind === 'List';
  if (!isList) return [staticPod(value, origin)];
  if (origin.source === 'file')
    throw new ManifestError('a file holds one Pod: put each into a file of its own');
  return (Array.isArray(items) ? items : []).map((item) => staticPod(item, origin));
}

function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new ManifestError('the manifest is no object: a Pod begins with apiVersion and kind');
  return value as Record<string, unknown>;
}

function staticPod(value: unknown, { source, place, nodeName, seenAt, schema }: ManifestOrigin): Pod {
  const { apiVersion, kind } = asRecord(value);
  if ((apiVersion ?? 'v1') !== 'v1' || (kind ?? 'Pod') !== 'Pod')
    throw new ManifestError(`a v1 Pod is needed, and this is ${String(apiVersion)} ${String(kind)}`);
  let pod: Pod;
  try {
    pod = decodeObject<Pod>(schema, 'core/v1.Pod', value).object;
  } catch (error) {
    throw new ManifestError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  if ((pod.metadata.name as string | undefined) === undefined)
    throw new ManifestError('metadata.name is needed');
  if (pod.spec.containers.length === 0) throw new ManifestError('spec.containers is needed: at least one');
  refuseReferences(pod);
  const identity = JSON.stringify([nodeName, place, value]);
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 32);
  const { name, labels, annotations } = pod.metadata;
  const namespace = (pod.metadata.namespace as string | undefined) ?? 'default';
  const added = {
    [podAnnotations.hash]: hash,
    [podAnnotations.source]: source,
    [podAnnotations.seen]: seenAt,
  };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `${name}-${nodeName}`,
      namespace,
      uid: hash,
      resourceVersion: '',
      creationTimestamp: seenAt,
      ...(labels === undefined ? {} : { labels }),
      annotations: { ...annotations, ...added },
    },
    spec: {
      ...pod.spec,
      nodeName,
      // Nothing that happens to the node drives it away: there is nobody to put it elsewhere.
      tolerations: [...(pod.spec.tolerations ?? []), { operator: 'Exists', effect: 'NoExecute' }],
    },
    status: {},
  };
}

/** A Pod that must run without an apiserver cannot need what only an apiserver has. */
function refuseReferences({ spec }: Pod): void {
  const refuse = (what: string): never => {
    throw new ManifestError(`static pods may not reference ${what}`);
  };
  if (spec.serviceAccountName !== undefined && spec.serviceAccountName !== '') refuse('serviceaccounts');
  if ((spec.imagePullSecrets ?? []).length > 0) refuse('secrets');
  if ((spec.resourceClaims ?? []).length > 0) refuse('resourceclaims');
  if ((spec.ephemeralContainers ?? []).length > 0) refuse('ephemeral containers');
  for (const volume of spec.volumes ?? []) {
    if (volume.secret !== undefined) refuse('secrets');
    if (volume.configMap !== undefined) refuse('configmaps');
    if (volume.persistentVolumeClaim !== undefined) refuse('persistentvolumeclaims');
    for (const source of volume.projected?.sources ?? [])
      if (source.downwardAPI === undefined) refuse('objects of the API in projected volumes');
  }
  for (const { env = [], envFrom = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const { valueFrom } of env) {
      if (valueFrom?.secretKeyRef !== undefined) refuse('secrets');
      if (valueFrom?.configMapKeyRef !== undefined) refuse('configmaps');
    }
    for (const { secretRef, configMapRef } of envFrom) {
      if (secretRef !== undefined) refuse('secrets');
      if (configMapRef !== undefined) refuse('configmaps');
    }
  }
}
