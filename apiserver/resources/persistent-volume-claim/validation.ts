import { isDeepStrictEqual } from 'node:util';
import type {
  PersistentVolumeAccessMode,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
} from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { compareQuantities } from '../../../api/quantity.js';
import { omit } from '../../omit.js';
import { checkNonNegativeQuantity, checkOneOf, checkRequired } from '../checks.js';
import { validateLabelSelector } from '../pod/template.js';

const accessModes = ['ReadWriteOnce', 'ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOncePod'];
const volumeModes = ['Block', 'Filesystem'];

export function validateClaim({ spec }: PersistentVolumeClaim, violations: Violations): void {
  validateAccessModes(spec.accessModes ?? [], 'at least 1 access mode is required', violations);
  if (spec.selector !== undefined) validateLabelSelector(spec.selector, 'spec.selector', violations);
  const storage = spec.resources?.requests?.['storage'];
  const path = 'spec.resources[storage]';
  if (storage === undefined) violations.required(path);
  else if (compareQuantities(storage, '0') <= 0)
    violations.invalid(path, storage, 'must be greater than zero');
  for (const field of ['storageClassName', 'volumeAttributesClassName'] as const) {
    const name = spec[field] ?? '';
    if (name !== '') violations.invalidEach(`spec.${field}`, name, validateDns1123Subdomain(name));
  }
  validateVolumeMode(spec.volumeMode, violations);
  validateDataSources(spec, violations);
}

/** For claims and volumes alike. */
export function validateAccessModes(
  modes: readonly PersistentVolumeAccessMode[],
  problemOfNone: string,
  violations: Violations,
): void {
  if (modes.length === 0) violations.required('spec.accessModes', problemOfNone);
  for (const mode of modes) checkOneOf(mode, accessModes, 'spec.accessModes', violations);
  if (modes.includes('ReadWriteOncePod') && modes.length > 1)
    violations.forbidden('spec.accessModes', 'may not use ReadWriteOncePod with other access modes');
}

export function validateVolumeMode(mode: string | undefined, violations: Violations): void {
  if (mode !== undefined) checkOneOf(mode, volumeModes, 'spec.volumeMode', violations);
}

function validateDataSources(spec: PersistentVolumeClaimSpec, violations: Violations): void {
  for (const field of ['dataSource', 'dataSourceRef'] as const) {
    const source = spec[field];
    if (source === undefined) continue;
    checkRequired(source.name, `spec.${field}.name`, violations);
    checkRequired(source.kind, `spec.${field}.kind`, violations);
    if ((source.apiGroup ?? '') === '' && source.kind !== 'PersistentVolumeClaim')
      violations.invalid(
        `spec.${field}`,
        source.kind,
        "must be 'PersistentVolumeClaim' when referencing the default apiGroup",
      );
  }
  const { dataSource, dataSourceRef } = spec;
  if (dataSource === undefined || dataSourceRef === undefined) return;
  if ((dataSourceRef.namespace ?? '') !== '')
    violations.invalid(
      'spec',
      'dataSource',
      'may not be specified when dataSourceRef.namespace is specified',
    );
  else if (!isDeepStrictEqual(dataSource, omit(dataSourceRef, 'namespace')))
    violations.invalid('spec', 'dataSource', 'must match dataSourceRef');
}

/** A claim stays what it was asked for; a bound one may grow. */
export function validateClaimUpdate(
  { spec }: PersistentVolumeClaim,
  before: PersistentVolumeClaim,
  violations: Violations,
): void {
  const old = before.spec;
  const allowed: PersistentVolumeClaimSpec = structuredClone(old);
  const bound = before.status.phase === 'Bound';
  // The controller that binds writes the volume's name and, once a default class is there, the class.
  if ((old.volumeName ?? '') === '' && spec.volumeName !== undefined) allowed.volumeName = spec.volumeName;
  if (old.storageClassName === undefined && spec.storageClassName !== undefined)
    allowed.storageClassName = spec.storageClassName;
  const storage = spec.resources?.requests?.['storage'];
  if (bound && storage !== undefined && allowed.resources?.requests !== undefined)
    allowed.resources.requests['storage'] = storage;
  if (bound && spec.volumeAttributesClassName !== undefined)
    allowed.volumeAttributesClassName = spec.volumeAttributesClassName;
  if (!isDeepStrictEqual(spec, allowed)) {
    violations.forbidden(
      'spec',
      'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
    );
    return;
  }
  const capacity = before.status.capacity?.['storage'];
  const oldStorage = old.resources?.requests?.['storage'];
  if (storage === undefined || oldStorage === undefined || compareQuantities(storage, oldStorage) >= 0)
    return;
  if (capacity === undefined || compareQuantities(storage, capacity) < 0)
    violations.forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity');
}

export function validateClaimStatus(
  { status }: PersistentVolumeClaim,
  _: PersistentVolumeClaim,
  violations: Violations,
): void {
  for (const field of ['capacity', 'allocatedResources'] as const)
    for (const [name, amount] of Object.entries(status[field] ?? {}))
      checkNonNegativeQuantity(amount, `status.${field}[${name}]`, violations);
}
