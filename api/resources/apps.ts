import type * as apps from '../generated/apps-v1.js';
import { all, define } from './define.js';

export const deployments = define<apps.Deployment>('apps/v1', 'namespaced', 'Deployment', {
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const replicaSets = define<apps.ReplicaSet>('apps/v1', 'namespaced', 'ReplicaSet', {
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: all,
  subresources: ['status', 'scale'],
});
