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
export const statefulSets = define<apps.StatefulSet>('apps/v1', 'namespaced', 'StatefulSet', {
  plural: 'statefulsets',
  shortNames: ['sts'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const daemonSets = define<apps.DaemonSet>('apps/v1', 'namespaced', 'DaemonSet', {
  plural: 'daemonsets',
  shortNames: ['ds'],
  categories: all,
  subresources: ['status'],
});
export const controllerRevisions = define<apps.ControllerRevision>(
  'apps/v1',
  'namespaced',
  'ControllerRevision',
  { plural: 'controllerrevisions' },
);
