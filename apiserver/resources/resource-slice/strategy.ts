import type { ResourceSlice } from '../../../api/generated/resource-v1.js';
import { resourceSlices } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateResourceSlice, validateResourceSliceUpdate } from './validation.js';

export const resourceSliceStrategy: Strategy<ResourceSlice> = {
  definition: resourceSlices,
  tracksGeneration: true,
  selectableFields: {
    'spec.driver': ({ spec }) => spec.driver,
    'spec.nodeName': ({ spec }) => spec.nodeName ?? '',
  },
  validate: validateResourceSlice,
  validateUpdate: validateResourceSliceUpdate,
};
