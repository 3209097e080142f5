import type * as core from '../generated/core-v1.js';
import { all, define } from './define.js';

export const pods = define<core.Pod>('core/v1', 'namespaced', 'Pod', {
  plural: 'pods',
  shortNames: ['po'],
  categories: all,
  subresources: ['status', 'binding', 'log', 'exec', 'attach', 'portforward', 'eviction'],
});
export const services = define<core.Service>('core/v1', 'namespaced', 'Service', {
  plural: 'services',
  shortNames: ['svc'],
  categories: all,
  subresources: ['status'],
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
  subresources: ['status'],
});
export const namespaces = define<core.Namespace>('core/v1', 'cluster', 'Namespace', {
  plural: 'namespaces',
  shortNames: ['ns'],
  subresources: ['status', 'finalize'],
});
