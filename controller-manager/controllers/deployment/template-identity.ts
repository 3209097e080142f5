/**
 * When two pod templates are the same, and the hash that tells them apart in names and labels. Pure.
 *
 * The ReplicaSet's template is a copy of the Deployment's with one label more. Both have passed the server's defaulting.
 * What says nothing must not count either: a list without items and a member that is null are as good as absent, in
 * fields where that is what Kubernetes takes them for.
 */
import { canonicalJson, podTemplateHash } from '../../../api/label-hash.js';
import type { PodTemplateSpec } from '../../../api/generated/core-v1.js';

export const podTemplateHashLabel = 'pod-template-hash';

/**
 * Maps for which empty means absent. Not all: an empty `namespaceSelector` selects everything, and an empty `emptyDir`
 * is a volume.
 */
const emptyMeansAbsent = new Set([
  'annotations',
  'labels',
  'limits',
  'matchLabels',
  'metadata',
  'nodeSelector',
  'overhead',
  'requests',
  'resources',
]);

/** Equal but for the label that a ReplicaSet adds. */
export function isSameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return identityOf(a) === identityOf(b);
}

/** The value of `pod-template-hash`; `collisionCount` of the Deployment's status moves on from a value that is taken. */
export function hashTemplate(template: PodTemplateSpec, collisionCount: number): string {
  return podTemplateHash(normalize(template), collisionCount);
}

function identityOf(template: PodTemplateSpec | undefined): string {
  if (template === undefined) return '';
  const labels = Object.fromEntries(
    Object.entries(template.metadata.labels ?? {}).filter(([name]) => name !== podTemplateHashLabel),
  );
  return canonicalJson(normalize({ ...template, metadata: { ...template.metadata, labels } }));
}

function normalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  const kept: [string, unknown][] = [];
  for (const [key, member] of Object.entries(value)) {
    const normal = normalize(member);
    if (!isAbsent(key, normal)) kept.push([key, normal]);
  }
  return Object.fromEntries(kept);
}

function isAbsent(key: string, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && emptyMeansAbsent.has(key) && Object.keys(value).length === 0;
}
