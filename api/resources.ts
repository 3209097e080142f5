/**
 * The registry of resources: the names under which a kind is reached, one line each.
 *
 * Adding a kind is a block in `api/schema/definitions`, a line here, and a strategy in the apiserver.
 */
import type { Deployment, ReplicaSet } from './generated/apps-v1.js';
import type { Lease } from './generated/coordination-v1.js';
import type * as core from './generated/core-v1.js';
import type { EndpointSlice } from './generated/discovery-v1.js';
import type { KubernetesObject } from './objects.js';

export interface ResourceDefinition<T extends KubernetesObject = KubernetesObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: T['kind'];
  /** Lower-case plural, as in URLs. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Full name of the type in the schema, `core/v1.Pod`. */
  readonly schemaName: string;
  readonly subresources: readonly string[];
  /** Only there for the type checker: ties the definition to the object's type. */
  readonly exampleOf?: T;
}

interface Names {
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly string[];
}

function define<T extends KubernetesObject>(
  packageId: string,
  scope: 'namespaced' | 'cluster',
  kind: T['kind'],
  names: Names,
): ResourceDefinition<T> {
  const [groupName = '', version = ''] = packageId.split('/');
  const group = groupOfPackage[groupName] ?? groupName;
  return {
    group,
    version,
    kind,
    plural: names.plural,
    singular: kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'namespaced',
    schemaName: `${packageId}.${kind}`,
    subresources: names.subresources ?? [],
  };
}

const groupOfPackage: Readonly<Record<string, string>> = {
  core: '',
  coordination: 'coordination.k8s.io',
  discovery: 'discovery.k8s.io',
};

const all = ['all'];

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
export const deployments = define<Deployment>('apps/v1', 'namespaced', 'Deployment', {
  plural: 'deployments',
  shortNames: ['deploy'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const replicaSets = define<ReplicaSet>('apps/v1', 'namespaced', 'ReplicaSet', {
  plural: 'replicasets',
  shortNames: ['rs'],
  categories: all,
  subresources: ['status', 'scale'],
});
export const leases = define<Lease>('coordination/v1', 'namespaced', 'Lease', { plural: 'leases' });
export const endpointSlices = define<EndpointSlice>('discovery/v1', 'namespaced', 'EndpointSlice', {
  plural: 'endpointslices',
});

/** Every resource that this apiserver serves. */
export const resourceDefinitions: readonly ResourceDefinition[] = [
  pods,
  services,
  replicationControllers,
  configMaps,
  secrets,
  serviceAccounts,
  endpoints,
  events,
  nodes,
  namespaces,
  deployments,
  replicaSets,
  leases,
  endpointSlices,
] as readonly unknown[] as readonly ResourceDefinition[];
