import type { StorageClass } from '../../../api/generated/storage-v1.js';
import { storageClasses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateStorageClass, validateStorageClassUpdate } from './validation.js';

export const storageClassStrategy: Strategy<StorageClass> = {
  definition: storageClasses,
  setDefaults(storageClass) {
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validate: validateStorageClass,
  validateUpdate: validateStorageClassUpdate,
};
