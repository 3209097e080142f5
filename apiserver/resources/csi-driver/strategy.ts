import type { CSIDriver } from '../../../api/generated/storage-v1.js';
import { csiDrivers } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateCsiDriver, validateCsiDriverUpdate } from './validation.js';

export const csiDriverStrategy: Strategy<CSIDriver> = {
  definition: csiDrivers,
  tracksGeneration: true,
  setDefaults({ spec }) {
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
  },
  validate: validateCsiDriver,
  validateUpdate: validateCsiDriverUpdate,
};
