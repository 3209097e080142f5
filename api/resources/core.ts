import type * as core from '../generated/core-v1.js';
import { all, define, resourceVerbs } from './define.js';

export const pods = define<core.Pod>('core/v1', 'namespaced', 'Pod', {
  plural: 'pods',
  shortNames: ['po'],
  categories: all,
  subresources: [
    'attach',
    'binding',
    'ephemeralcontainers',
    'eviction',
    'exec',
    'log',
    'portforward',
    'proxy',
    'resize',
    'status',
  ],
});
export const services = define<core.Service>('core/v1', 'namespaced', 'Service', {
  plural: 'services',
  shortNames: ['svc'],
  categories: all,
  subresources: ['proxy', 'status'],
});
export const replicationControllers = define<core.ReplicationController>(
  'core/v1',
  'namespaced',
  'ReplicationController',
  {
    plural: 'replicationcontrollers',
    shortNames: ['rc'],
    categories: all,
    subresources: ['status', 'scale'],
  },
);
export const configMaps = define<core.ConfigMap>('core/v1', 'namespaced', 'ConfigMap', {
  plural: 'configmaps',
  shortNames: ['cm'],
});
export const secrets = define<core.Secret>('core/v1', 'namespaced', 'Secret', { plural: 'secrets' });
export const serviceAccounts = define<core.ServiceAccount>('core/v1', 'namespaced', 'ServiceAccount', {
  plural: 'serviceaccounts',
  shortNames: ['sa'],
  subresources: ['token'],
});
export const endpoints = define<core.Endpoints>('core/v1', 'namespaced', 'Endpoints', {
  plural: 'endpoints',
  shortNames: ['ep'],
});
export const events = define<core.Event>('core/v1', 'namespaced', 'Event', {
  plural: 'events',
  shortNames: ['ev'],
});
export const nodes = define<core.Node>('core/v1', 'cluster', 'Node', {
  plural: 'nodes',
  shortNames: ['no'],
  subresources: ['proxy', 'status'],
});
export const namespaces = define<core.Namespace>('core/v1', 'cluster', 'Namespace', {
  plural: 'namespaces',
  shortNames: ['ns'],
  subresources: ['status', 'finalize'],
  verbs: resourceVerbs.filter((verb) => verb !== 'deletecollection'),
});
export const persistentVolumes = define<core.PersistentVolume>('core/v1', 'cluster', 'PersistentVolume', {
  plural: 'persistentvolumes',
  shortNames: ['pv'],
  subresources: ['status'],
});
export const persistentVolumeClaims = define<core.PersistentVolumeClaim>(
  'core/v1',
  'namespaced',
  'PersistentVolumeClaim',
  { plural: 'persistentvolumeclaims', shortNames: ['pvc'], subresources: ['status'] },
);
export const resourceQuotas = define<core.ResourceQuota>('core/v1', 'namespaced', 'ResourceQuota', {
  plural: 'resourcequotas',
  shortNames: ['quota'],
  subresources: ['status'],
});
export const limitRanges = define<core.LimitRange>('core/v1', 'namespaced', 'LimitRange', {
  plural: 'limitranges',
  shortNames: ['limits'],
});
export const podTemplates = define<core.PodTemplate>('core/v1', 'namespaced', 'PodTemplate', {
  plural: 'podtemplates',
});
/** Computed: the health of the control plane's other processes. */
export const componentStatuses = define<core.ComponentStatus>('core/v1', 'cluster', 'ComponentStatus', {
  plural: 'componentstatuses',
  shortNames: ['cs'],
  verbs: ['get', 'list'],
});
