/** The columns of networking.k8s.io. */
import type {
  Ingress,
  IngressClass,
  IPAddress,
  NetworkPolicy,
  ServiceCIDR,
} from '../generated/networking-v1.js';
import type { RuntimeClass } from '../generated/node-v1.js';
import { formatLabelSelector, selectorFromObject } from '../selectors.js';
import type { Column } from './column.js';
import { ageColumn, formatSome, nameColumn, none, orNone } from './column.js';

const shownHosts = 3;

export const ingressColumns: readonly Column<Ingress>[] = [
  nameColumn,
  {
    name: 'Class',
    type: 'string',
    description: 'Class of the controller that serves it',
    cell: ({ spec }) => spec.ingressClassName ?? none,
  },
  {
    name: 'Hosts',
    type: 'string',
    description: 'Hosts of the rules',
    cell: ({ spec }) => {
      const hosts = (spec.rules ?? []).map(({ host = '' }) => host).filter((host) => host !== '');
      return formatSome(hosts, shownHosts, '*');
    },
  },
  {
    name: 'Address',
    type: 'string',
    description: 'Where it is reached',
    cell: ({ status }) => {
      const points = (status.loadBalancer?.ingress ?? []).map(({ ip = '', hostname = '' }) =>
        ip === '' ? hostname : ip,
      );
      return [...new Set(points.filter((point) => point !== ''))].sort().join(',');
    },
  },
  {
    name: 'Ports',
    type: 'string',
    description: 'Ports on which it is reached',
    cell: ({ spec }) => ((spec.tls ?? []).length > 0 ? '80, 443' : '80'),
  },
  ageColumn,
];

export const ingressClassColumns: readonly Column<IngressClass>[] = [
  nameColumn,
  {
    name: 'Controller',
    type: 'string',
    description: 'Who serves the class',
    cell: ({ spec }) => spec.controller ?? '',
  },
  {
    name: 'Parameters',
    type: 'string',
    description: 'The object with more configuration',
    cell: ({ spec: { parameters } }) => {
      if (parameters === undefined) return none;
      const { apiGroup, kind, name } = parameters;
      return `${apiGroup === undefined ? kind : `${kind}.${apiGroup}`}/${name}`;
    },
  },
  ageColumn,
];

export const networkPolicyColumns: readonly Column<NetworkPolicy>[] = [
  nameColumn,
  {
    name: 'Pod-Selector',
    type: 'string',
    description: 'The pods that it is about',
    cell: ({ spec }) => orNone(formatLabelSelector(selectorFromObject(spec.podSelector ?? {}))),
  },
  ageColumn,
];

export const ipAddressColumns: readonly Column<IPAddress>[] = [
  nameColumn,
  {
    name: 'ParentRef',
    type: 'string',
    description: 'The object that has the address',
    cell: ({ spec: { parentRef } }) => {
      const { resource, group = '', namespace = '', name } = parentRef;
      const kind = group === '' ? resource : `${resource}.${group}`;
      return [kind, namespace, name].filter((part) => part !== '').join('/');
    },
  },
  ageColumn,
];

export const serviceCidrColumns: readonly Column<ServiceCIDR>[] = [
  nameColumn,
  {
    name: 'CIDRs',
    type: 'string',
    description: 'Ranges of addresses',
    cell: ({ spec }) => (spec.cidrs ?? []).join(','),
  },
  ageColumn,
];

export const runtimeClassColumns: readonly Column<RuntimeClass>[] = [
  nameColumn,
  {
    name: 'Handler',
    type: 'string',
    description: 'What the container runtime calls it',
    cell: ({ handler }) => handler,
  },
  ageColumn,
];
