/** APIServices: who serves a version of a group. What acts on them is in `apiserver/aggregation`. */
import type { APIService } from '../../../api/generated/apiregistration-v1.js';
import { apiServices } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateApiService, validateApiServiceUpdate } from './validation.js';

const defaultPort = 443;

export const apiServiceStrategy: Strategy<APIService> = {
  definition: apiServices,
  setDefaults({ spec }) {
    if (spec.service !== undefined) spec.service.port ??= defaultPort;
  },
  prepareForCreate(service) {
    service.status = {};
  },
  validate: validateApiService,
  validateUpdate: validateApiServiceUpdate,
};
