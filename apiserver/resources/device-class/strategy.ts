import type { DeviceClass } from '../../../api/generated/resource-v1.js';
import { deviceClasses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateDeviceClass } from './validation.js';

export const deviceClassStrategy: Strategy<DeviceClass> = {
  definition: deviceClasses,
  tracksGeneration: true,
  validate: validateDeviceClass,
};
