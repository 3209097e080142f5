import type { EndpointSlice } from '../generated/discovery-v1.js';
import { define } from './define.js';

export const endpointSlices = define<EndpointSlice>('discovery/v1', 'namespaced', 'EndpointSlice', {
  plural: 'endpointslices',
});
