import type { ResourceClaimTemplate } from '../../../api/generated/resource-v1.js';
import { resourceClaimTemplates } from '../../../api/resources.js';
import { setDeviceClaimDefaults } from '../resource-claim/device-validation.js';
import type { Strategy } from '../strategy.js';
import { validateResourceClaimTemplate, validateResourceClaimTemplateUpdate } from './validation.js';

export const resourceClaimTemplateStrategy: Strategy<ResourceClaimTemplate> = {
  definition: resourceClaimTemplates,
  setDefaults({ spec }) {
    setDeviceClaimDefaults(spec.spec.devices);
  },
  validate: validateResourceClaimTemplate,
  validateUpdate: validateResourceClaimTemplateUpdate,
};
