import type { ResourceClaim } from '../../../api/generated/resource-v1.js';
import { resourceClaims } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { setDeviceClaimDefaults } from './device-validation.js';
import {
  validateResourceClaim,
  validateResourceClaimStatus,
  validateResourceClaimUpdate,
} from './validation.js';

export const resourceClaimStrategy: Strategy<ResourceClaim> = {
  definition: resourceClaims,
  setDefaults({ spec }) {
    setDeviceClaimDefaults(spec.devices);
  },
  prepareForCreate(claim) {
    claim.status = {};
  },
  validate: validateResourceClaim,
  validateUpdate: validateResourceClaimUpdate,
  validateStatusUpdate: validateResourceClaimStatus,
};
