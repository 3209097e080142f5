/** ResourceQuotas: how much a namespace may hold in all. */
import type { ResourceQuota } from '../../../api/generated/core-v1.js';
import { resourceQuotas } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateQuota, validateQuotaStatus, validateQuotaUpdate } from './validation.js';

export const resourceQuotaStrategy: Strategy<ResourceQuota> = {
  definition: resourceQuotas,
  prepareForCreate(quota) {
    quota.status = {};
  },
  validate: validateQuota,
  validateUpdate: validateQuotaUpdate,
  validateStatusUpdate: validateQuotaStatus,
};
