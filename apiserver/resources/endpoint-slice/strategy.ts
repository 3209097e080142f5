import type { EndpointSlice } from '../../../api/generated/discovery-v1.js';
import { endpointSlices } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateEndpointSlice, validateEndpointSliceUpdate } from './validation.js';

export const endpointSliceStrategy: Strategy<EndpointSlice> = {
  definition: endpointSlices,
  tracksGeneration: true,
  setDefaults({ ports = [] }) {
    for (const port of ports) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate: validateEndpointSlice,
  validateUpdate: validateEndpointSliceUpdate,
};
