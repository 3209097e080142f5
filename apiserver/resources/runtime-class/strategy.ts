import type { RuntimeClass } from '../../../api/generated/node-v1.js';
import { runtimeClasses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateRuntimeClass, validateRuntimeClassUpdate } from './validation.js';

export const runtimeClassStrategy: Strategy<RuntimeClass> = {
  definition: runtimeClasses,
  validate: validateRuntimeClass,
  validateUpdate: validateRuntimeClassUpdate,
};
