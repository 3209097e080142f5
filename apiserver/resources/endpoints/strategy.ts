import type { Endpoints } from '../../../api/generated/core-v1.js';
import { endpoints } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateEndpoints } from './validation.js';

export const endpointsStrategy: Strategy<Endpoints> = {
  definition: endpoints,
  allowsCreateOnUpdate: true,
  setDefaults({ subsets = [] }) {
    for (const { ports = [] } of subsets) for (const port of ports) port.protocol ??= 'TCP';
  },
  validate: validateEndpoints,
};
