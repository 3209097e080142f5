import { isDeepStrictEqual } from 'node:util';
import type { PersistentVolume, PersistentVolumeSpec } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { compareQuantities } from '../../../api/quantity.js';
import { omit } from '../../omit.js';
import { checkDriverName, checkImmutable, checkOneOf, checkRequired } from '../checks.js';
import { validateAccessModes, validateVolumeMode } from '../persistent-volume-claim/validation.js';
import { fieldsBesideVolumeSource } from '../../../api/volume-binding.js';

const reclaimPolicies = ['Delete', 'Recycle', 'Retain'];

export function validateVolume({ spec }: PersistentVolume, violations: Violations): void {
  validateAccessModes(spec.accessModes ?? [], '', violations);
  validateCapacity(spec, violations);
  validateSource(spec, violations);
  const policy = spec.persistentVolumeReclaimPolicy;
  checkOneOf(policy, reclaimPolicies, 'spec.persistentVolumeReclaimPolicy', violations);
  if (policy === 'Recycle' && spec.hostPath?.path === '/')
    violations.forbidden(
      'spec.persistentVolumeReclaimPolicy',
      "may not be 'recycle' for a hostPath mount of '/'",
    );
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) {
    const name = spec[field] ?? '';
    if (name !== '') violations.invalidEach(`spec.${field}`, name, validateDns1123Subdomain(name));
  }
  validateVolumeMode(spec.volumeMode, violations);
  if (spec.nodeAffinity !== undefined && spec.nodeAffinity.required === undefined)
    violations.required('spec.nodeAffinity.required', 'must specify required node constraints');
}

function validateCapacity({ capacity = {} }: PersistentVolumeSpec, violations: Violations): void {
  const names = Object.keys(capacity);
  if (names.length === 0) violations.required('spec.capacity');
  if (names.length > 1 || (names.length === 1 && names[0] !== 'storage'))
    violations.notSupported('spec.capacity', capacity, ['storage']);
  for (const [name, amount] of Object.entries(capacity))
    if (compareQuantities(amount, '0') <= 0)
      violations.invalid(`spec.capacity[${name}]`, amount, 'must be greater than zero');
}

function sourceOf(spec: PersistentVolumeSpec): object {
  return omit(spec, ...fieldsBesideVolumeSource);
}

function validateSource(spec: PersistentVolumeSpec, violations: Violations): void {
  const kinds = Object.keys(sourceOf(spec));
  if (kinds.length === 0) violations.required('spec', 'must specify a volume type');
  for (const kind of kinds.slice(1))
    violations.forbidden(`spec.${kind}`, 'may not specify more than 1 volume type');
  if (spec.hostPath !== undefined) validateFolder(spec.hostPath.path, 'spec.hostPath.path', violations);
  if (spec.local !== undefined) {
    validateFolder(spec.local.path, 'spec.local.path', violations);
    if (spec.nodeAffinity === undefined)
      violations.required('spec.nodeAffinity', 'Local volume requires node affinity');
  }
  if (spec.nfs !== undefined) {
    checkRequired(spec.nfs.server, 'spec.nfs.server', violations);
    if (checkRequired(spec.nfs.path, 'spec.nfs.path', violations) && !spec.nfs.path.startsWith('/'))
      violations.invalid('spec.nfs.path', spec.nfs.path, 'must be an absolute path');
  }
  if (spec.csi !== undefined) {
    checkDriverName(spec.csi.driver, 'spec.csi.driver', violations);
    checkRequired(spec.csi.volumeHandle, 'spec.csi.volumeHandle', violations);
  }
}

function validateFolder(path: string, at: string, violations: Violations): void {
  if (checkRequired(path, at, violations) && path.split('/').includes('..'))
    violations.invalid(at, path, "must not contain '..'");
}

/** Where the data is cannot change under those who use it. */
export function validateVolumeUpdate(
  { spec }: PersistentVolume,
  before: PersistentVolume,
  violations: Violations,
): void {
  if (!isDeepStrictEqual(sourceOf(spec), sourceOf(before.spec)))
    violations.forbidden(
      'spec.persistentvolumesource',
      'spec.persistentvolumesource is immutable after creation',
    );
  checkImmutable(spec.volumeMode, before.spec.volumeMode, 'spec.volumeMode', violations);
  if (before.spec.nodeAffinity !== undefined)
    checkImmutable(spec.nodeAffinity, before.spec.nodeAffinity, 'spec.nodeAffinity', violations);
}
