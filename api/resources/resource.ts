import type * as resource from '../generated/resource-v1.js';
import { define } from './define.js';

export const deviceClasses = define<resource.DeviceClass>('resource/v1', 'cluster', 'DeviceClass', {
  plural: 'deviceclasses',
});
export const resourceClaims = define<resource.ResourceClaim>('resource/v1', 'namespaced', 'ResourceClaim', {
  plural: 'resourceclaims',
  subresources: ['status'],
});
export const resourceClaimTemplates = define<resource.ResourceClaimTemplate>(
  'resource/v1',
  'namespaced',
  'ResourceClaimTemplate',
  { plural: 'resourceclaimtemplates' },
);
export const resourceSlices = define<resource.ResourceSlice>('resource/v1', 'cluster', 'ResourceSlice', {
  plural: 'resourceslices',
});
