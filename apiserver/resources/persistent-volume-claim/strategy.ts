/** PersistentVolumeClaims: what a pod asks of storage. */
import type { PersistentVolumeClaim } from '../../../api/generated/core-v1.js';
import { persistentVolumeClaims } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { setClaimDefaults, syncDataSources } from './defaults.js';
import { validateClaim, validateClaimStatus, validateClaimUpdate } from './validation.js';

export const persistentVolumeClaimStrategy: Strategy<PersistentVolumeClaim> = {
  definition: persistentVolumeClaims,
  setDefaults: setClaimDefaults,
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
    syncDataSources(claim.spec);
  },
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  validateStatusUpdate: validateClaimStatus,
};
