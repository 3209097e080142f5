import type { CSIStorageCapacity } from '../../../api/generated/storage-v1.js';
import { csiStorageCapacities } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateCsiStorageCapacity, validateCsiStorageCapacityUpdate } from './validation.js';

export const csiStorageCapacityStrategy: Strategy<CSIStorageCapacity> = {
  definition: csiStorageCapacities,
  validate: validateCsiStorageCapacity,
  validateUpdate: validateCsiStorageCapacityUpdate,
};
