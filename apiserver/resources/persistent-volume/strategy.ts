/** PersistentVolumes: storage that is there, for claims to take. */
import type { PersistentVolume } from '../../../api/generated/core-v1.js';
import { persistentVolumes } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateVolume, validateVolumeUpdate } from './validation.js';
import { persistentVolumeWarnings } from './warnings.js';

export const persistentVolumeStrategy: Strategy<PersistentVolume> = {
  definition: persistentVolumes,
  warnings: persistentVolumeWarnings,
  setDefaults({ spec, status }) {
    status.phase ??= 'Pending';
    spec.persistentVolumeReclaimPolicy ??= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
    if (spec.iscsi !== undefined) spec.iscsi.iscsiInterface ??= 'default';
    if (spec.rbd !== undefined) {
      spec.rbd.pool ??= 'rbd';
      spec.rbd.user ??= 'admin';
      spec.rbd.keyring ??= '/etc/ceph/keyring';
    }
    if (spec.azureDisk !== undefined) {
      spec.azureDisk.cachingMode ??= 'ReadWrite';
      spec.azureDisk.kind ??= 'Shared';
      spec.azureDisk.fsType ??= 'ext4';
      spec.azureDisk.readOnly ??= false;
    }
    if (spec.scaleIO !== undefined) {
      spec.scaleIO.storageMode ??= 'ThinProvisioned';
      spec.scaleIO.fsType ??= 'xfs';
    }
  },
  prepareForCreate(volume) {
    volume.status = { phase: 'Pending' };
  },
  prepareSubresourceUpdate: {
    status({ status }, before, nowMs) {
      const isSame = status.lastPhaseTransitionTime === before.status.lastPhaseTransitionTime;
      if (status.phase !== before.status.phase && isSame)
        status.lastPhaseTransitionTime = new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z');
    },
  },
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
};
