import type { PersistentVolumeClaim, PersistentVolumeClaimSpec } from '../../../api/generated/core-v1.js';

/** For claims, and for those that StatefulSets make from templates. */
export function setClaimDefaults(claim: PersistentVolumeClaim): void {
  claim.status.phase ??= 'Pending';
  setClaimSpecDefaults(claim.spec);
}

export function setClaimSpecDefaults(spec: PersistentVolumeClaimSpec): void {
  spec.volumeMode ??= 'Filesystem';
}

/** Two fields say where the content comes from, and the older knows less; they are kept in step. */
export function syncDataSources(spec: PersistentVolumeClaimSpec): void {
  const { dataSource, dataSourceRef } = spec;
  if (dataSource !== undefined && dataSourceRef === undefined) spec.dataSourceRef = { ...dataSource };
  else if (
    dataSource === undefined &&
    dataSourceRef !== undefined &&
    (dataSourceRef.namespace ?? '') === ''
  ) {
    const { apiGroup, kind, name } = dataSourceRef;
    spec.dataSource = { ...(apiGroup === undefined ? {} : { apiGroup }), kind, name };
  }
}
