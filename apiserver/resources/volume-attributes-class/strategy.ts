import type { VolumeAttributesClass } from '../../../api/generated/storage-v1.js';
import { volumeAttributesClasses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateVolumeAttributesClass, validateVolumeAttributesClassUpdate } from './validation.js';

export const volumeAttributesClassStrategy: Strategy<VolumeAttributesClass> = {
  definition: volumeAttributesClasses,
  validate: validateVolumeAttributesClass,
  validateUpdate: validateVolumeAttributesClassUpdate,
};
