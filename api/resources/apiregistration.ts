import type { APIService } from '../generated/apiregistration-v1.js';
import { define } from './define.js';

export const apiServices = define<APIService>('apiregistration/v1', 'cluster', 'APIService', {
  plural: 'apiservices',
  categories: ['api-extensions'],
  subresources: ['status'],
});
