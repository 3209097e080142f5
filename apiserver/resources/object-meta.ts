/** What the server does to `metadata`, for every kind alike. */
import { randomBytes, randomUUID } from 'node:crypto';
import type { Violations } from '../../api/field-path.js';
import { keyPath } from '../../api/field-path.js';
import type { ObjectMeta } from '../../api/generated/meta-v1.js';
import {
  validateDns1123Subdomain,
  validateLabelValue,
  validateNamePrefix,
  validateQualifiedName,
} from '../../api/names.js';
import type { NameCheck } from '../../api/names.js';
import type { KubernetesObject } from '../../api/objects.js';

/** The text of the second that was asked for last: writes come by the thousand in one. */
let lastTimestamp = { second: NaN, text: '' };

/** A time as Kubernetes writes it: UTC, whole seconds. */
export function timestamp(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (lastTimestamp.second !== second)
    lastTimestamp = { second, text: `${new Date(milliseconds).toISOString().slice(0, 19)}Z` };
  return lastTimestamp.text;
}

/** Letters and digits that make no words and are not mistaken for each other. */
const suffixAlphabet = 'bcdfghjklmnpqrstvwxz2456789';
const suffixLength = 5;
const maxGeneratedNameLength = 63;

/** `prefix` with a random ending, cut to the length of a label. */
export function generateName(prefix: string): string {
  let suffix = '';
  while (suffix.length < suffixLength) {
    // 243 is the largest multiple of the alphabet's length in a byte: the rest would favour some letters.
    const byte = randomBytes(1)[0] ?? 255;
    if (byte < 243) suffix += suffixAlphabet[byte % suffixAlphabet.length] ?? '';
  }
  return prefix.slice(0, maxGeneratedNameLength - suffixLength) + suffix;
}

/** Sets what belongs to the server on a new object. The name may still be empty when it is to be generated. */
export function initializeMeta(object: KubernetesObject, nowMs: number, tracksGeneration: boolean): void {
  const meta = object.metadata as Partial<ObjectMeta>;
  delete meta.deletionTimestamp;
  delete meta.deletionGracePeriodSeconds;
  delete meta.selfLink;
  delete meta.resourceVersion;
  meta.uid = randomUUID();
  meta.creationTimestamp = timestamp(nowMs);
  if (tracksGeneration) meta.generation = 1;
  else delete meta.generation;
}

/** Carries over what only the server changes. */
export function carryMeta(object: KubernetesObject, before: KubernetesObject): void {
  const meta: Partial<ObjectMeta> = object.metadata;
  const old: Partial<ObjectMeta> = before.metadata;
  meta.uid = before.metadata.uid;
  meta.creationTimestamp = before.metadata.creationTimestamp;
  delete meta.selfLink;
  carry(meta, old, 'generateName');
  carry(meta, old, 'generation');
  carry(meta, old, 'deletionTimestamp');
  carry(meta, old, 'deletionGracePeriodSeconds');
}

function carry(to: Partial<ObjectMeta>, from: Partial<ObjectMeta>, key: keyof ObjectMeta): void {
  if (from[key] === undefined) Reflect.deleteProperty(to, key);
  else Object.assign(to, { [key]: from[key] });
}

const maxAnnotationsBytes = 256 * 1024;

export function validateObjectMeta(
  object: KubernetesObject,
  options: { readonly namespaced: boolean; readonly checkName: NameCheck },
  violations: Violations,
): void {
  const meta = object.metadata;
  if (meta.generateName !== undefined && meta.generateName !== '') {
    violations.invalidEach(
      'metadata.generateName',
      meta.generateName,
      validateNamePrefix(options.checkName, meta.generateName),
    );
  }
  if (meta.name === '') violations.required('metadata.name', 'name or generateName is required');
  else violations.invalidEach('metadata.name', meta.name, options.checkName(meta.name));
  if (!options.namespaced && (meta.namespace ?? '') !== '')
    violations.forbidden('metadata.namespace', 'not allowed on this type');
  validateLabels(meta.labels, 'metadata.labels', violations);
  validateAnnotations(meta.annotations, 'metadata.annotations', violations);
  for (const [index, finalizer] of (meta.finalizers ?? []).entries()) {
    violations.invalidEach(`metadata.finalizers[${index}]`, finalizer, validateQualifiedName(finalizer));
  }
  validateOwners(meta, violations);
}

export function validateLabels(
  labels: Readonly<Record<string, string>> | undefined,
  path: string,
  violations: Violations,
): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    violations.invalidEach(path, key, validateQualifiedName(key));
    violations.invalidEach(path, value, validateLabelValue(value));
  }
}

export function validateAnnotations(
  annotations: Readonly<Record<string, string>> | undefined,
  path: string,
  violations: Violations,
): void {
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations ?? {})) {
    violations.invalidEach(path, key, validateQualifiedName(key.toLowerCase()));
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxAnnotationsBytes) violations.tooLong(path, maxAnnotationsBytes);
}

function validateOwners(meta: ObjectMeta, violations: Violations): void {
  const controllers: string[] = [];
  for (const [index, owner] of (meta.ownerReferences ?? []).entries()) {
    const path = `metadata.ownerReferences[${index}]`;
    if (owner.apiVersion === '') violations.invalid(`${path}.apiVersion`, '', 'version must not be empty');
    if (owner.kind === '') violations.invalid(`${path}.kind`, '', 'must not be empty');
    if (owner.name === '') violations.invalid(`${path}.name`, '', 'must not be empty');
    if (owner.uid === '') violations.invalid(`${path}.uid`, '', 'must not be empty');
    if (owner.controller === true) controllers.push(`${owner.kind}/${owner.name}`);
  }
  if (controllers.length > 1) {
    violations.invalid(
      'metadata.ownerReferences',
      controllers,
      `Only one reference can have Controller set to true. Found "true" in references for ${controllers.join(' and ')}`,
    );
  }
}

/** Of kinds whose updates have to say which version they mean. */
export function requireVersion({ metadata }: KubernetesObject, violations: Violations): void {
  if (((metadata.resourceVersion as string | undefined) ?? '') === '')
    violations.invalid('metadata.resourceVersion', 0, 'must be specified for an update');
}

/** What an update may not do to metadata; the fields of the server were carried over before. */
export function validateMetaUpdate(
  object: KubernetesObject,
  before: KubernetesObject,
  violations: Violations,
): void {
  if (object.metadata.name !== before.metadata.name)
    violations.invalid('metadata.name', object.metadata.name, 'field is immutable');
  if (before.metadata.deletionTimestamp === undefined) return;
  const old = new Set(before.metadata.finalizers);
  const added = (object.metadata.finalizers ?? []).filter((finalizer) => !old.has(finalizer));
  if (added.length > 0) {
    violations.forbidden(
      'metadata.finalizers',
      `no new finalizers can be added if the object is being deleted, found new finalizers ${keyPath('', added.join(', '))}`,
    );
  }
}

/** The check of names where a kind asks for no other. */
export const defaultNameCheck: NameCheck = validateDns1123Subdomain;
