/** The columns of PersistentVolumes and of the claims on them. */
import type { PersistentVolume, PersistentVolumeClaim } from '../generated/core-v1.js';
import type { KubernetesObject } from '../objects.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn } from './column.js';

const shortModes: Readonly<Record<string, string>> = {
  ReadWriteOnce: 'RWO',
  ReadOnlyMany: 'ROX',
  ReadWriteMany: 'RWX',
  ReadWriteOncePod: 'RWOP',
};

function formatModes(modes: readonly string[] | undefined): string {
  return Object.keys(shortModes)
    .filter((mode) => modes?.includes(mode) === true)
    .map((mode) => shortModes[mode])
    .join(',');
}

/** The class as it was given before it had a field of its own. */
const classAnnotation = 'volume.beta.kubernetes.io/storage-class';
const unset = '<unset>';

function text<T extends KubernetesObject>(
  name: string,
  description: string,
  cell: (object: T) => string,
  priority: 0 | 1 = 0,
): Column<T> {
  return { name, type: 'string', description, priority, cell };
}

function phase(object: KubernetesObject, current: string | undefined): string {
  return object.metadata.deletionTimestamp === undefined ? (current ?? '') : 'Terminating';
}

export const persistentVolumeColumns: readonly Column<PersistentVolume>[] = [
  nameColumn,
  text('Capacity', 'How large it is', ({ spec }) => spec.capacity?.['storage'] ?? ''),
  text('Access Modes', 'How it can be mounted', ({ spec }) => formatModes(spec.accessModes)),
  text(
    'Reclaim Policy',
    'What becomes of it when it is released',
    ({ spec }) => spec.persistentVolumeReclaimPolicy ?? '',
  ),
  text('Status', 'Whether it is free, taken or gone', (volume) => phase(volume, volume.status.phase)),
  text('Claim', 'Who has taken it', ({ spec: { claimRef } }) =>
    claimRef === undefined ? '' : `${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`,
  ),
  text(
    'StorageClass',
    'Class that it belongs to',
    ({ metadata, spec }) => metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? '',
  ),
  text(
    'VolumeAttributesClass',
    'Class of its attributes',
    ({ spec }) => spec.volumeAttributesClassName ?? unset,
  ),
  text('Reason', 'Why it is in its state', ({ status }) => status.reason ?? ''),
  ageColumn,
  text('VolumeMode', 'Whether it is a file system or a device', ({ spec }) => spec.volumeMode ?? unset, 1),
];

export const persistentVolumeClaimColumns: readonly Column<PersistentVolumeClaim>[] = [
  nameColumn,
  text('Status', 'Whether a volume was found', (claim) => phase(claim, claim.status.phase)),
  text('Volume', 'Volume that it got', ({ spec }) => spec.volumeName ?? ''),
  text('Capacity', 'How large that volume is', ({ spec, status }) =>
    (spec.volumeName ?? '') === '' ? '' : (status.capacity?.['storage'] ?? ''),
  ),
  text('Access Modes', 'How it can be mounted', ({ spec, status }) =>
    (spec.volumeName ?? '') === '' ? '' : formatModes(status.accessModes),
  ),
  text(
    'StorageClass',
    'Class that was asked for',
    ({ metadata, spec }) => metadata.annotations?.[classAnnotation] ?? spec.storageClassName ?? '',
  ),
  text(
    'VolumeAttributesClass',
    'Class of attributes that was asked for',
    ({ spec }) => spec.volumeAttributesClassName ?? unset,
  ),
  ageColumn,
  text('VolumeMode', 'Whether it is a file system or a device', ({ spec }) => spec.volumeMode ?? unset, 1),
];
