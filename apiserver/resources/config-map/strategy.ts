import type { ConfigMap } from '../../../api/generated/core-v1.js';
import { configMaps } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateConfigMap, validateConfigMapUpdate } from './validation.js';

export const configMapStrategy: Strategy<ConfigMap> = {
  definition: configMaps,
  validate: validateConfigMap,
  validateUpdate: validateConfigMapUpdate,
};
