/**
 * The bridge to client-side apply: `kubectl apply` keeps what it last applied in an annotation, and the server looks after
 * it when `kubectl apply --server-side` takes over.
 */
import { compareObjects } from './compare.js';
import type { FieldSet } from './field-set.js';
import { difference, emptySet } from './field-set.js';
import type { JsonObject } from './json-values.js';
import { objectOrEmpty, own } from './json-values.js';
import type { MergeType } from './merge-type.js';
import { toFieldSet } from './to-field-set.js';

export const lastAppliedAnnotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** Only for this manager: who wants nothing of it applies under another name. */
export const kubectlManager = 'kubectl';

/** As much as all annotations of an object may take, in bytes. */
const maxAnnotationsBytes = 256 * 1024;

/** The annotation of an object; undefined when there is none. */
export function lastAppliedOf(object: unknown): string | undefined {
  const value = own(annotationsOf(object), lastAppliedAnnotation);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function annotationsOf(object: unknown): JsonObject {
  return objectOrEmpty(objectOrEmpty(objectOrEmpty(object)['metadata'])['annotations']);
}

/**
 * The fields that client-side apply has put into `live` and that still are as it put them: nobody has a claim on them
 * against the same user's server-side apply. Empty when the annotation is missing, unreadable, or of another version.
 */
export function fieldsOfLastApplied(type: MergeType, live: unknown, apiVersion: string): FieldSet {
  const text = lastAppliedOf(live);
  if (text === undefined) return emptySet;
  let applied: unknown;
  try {
    applied = JSON.parse(text);
  } catch (error) {
    // Anybody may write anything into an annotation.
    if (error instanceof SyntaxError) return emptySet;
    throw error;
  }
  if (objectOrEmpty(applied)['apiVersion'] !== apiVersion) return emptySet;
  const { added, modified, removed } = compareObjects(type, applied, live);
  return [added, modified, removed].reduce(difference, toFieldSet(type, applied));
}

/** `object` with the annotation brought up to the configuration, or without it when it would be too large. */
export function withLastApplied<T extends object>(object: T, config: JsonObject): T {
  const { metadata } = object as { metadata?: JsonObject };
  const annotations = { ...annotationsOf(object), [lastAppliedAnnotation]: lastAppliedText(config) };
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations))
    bytes += Buffer.byteLength(key) + (typeof value === 'string' ? Buffer.byteLength(value) : 0);
  if (bytes > maxAnnotationsBytes) Reflect.deleteProperty(annotations, lastAppliedAnnotation);
  return { ...object, metadata: { ...metadata, annotations } };
}

/** JSON with sorted keys and a line end; unlike kubectl, the server adds no empty annotations. */
function lastAppliedText(config: JsonObject): string {
  const metadata = objectOrEmpty(config['metadata']);
  const annotations = { ...objectOrEmpty(metadata['annotations']) };
  Reflect.deleteProperty(annotations, lastAppliedAnnotation);
  const isAnnotated = metadata['annotations'] !== undefined;
  const plain = { ...config, metadata: { ...metadata, ...(isAnnotated && { annotations }) } };
  return `${JSON.stringify(plain, sortKeys)}\n`;
}

function sortKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
