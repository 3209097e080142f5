/** The columns of Services, Endpoints and EndpointSlices. */
import type { Endpoints, Service } from '../generated/core-v1.js';
import type { EndpointSlice } from '../generated/discovery-v1.js';
import type { Column } from './column.js';
import {
  ageColumn,
  formatLabels,
  formatSome,
  joinHostPort,
  nameColumn,
  none,
  orNone,
  unknown,
} from './column.js';

const shownEndpoints = 3;

export const serviceColumns: readonly Column<Service>[] = [
  nameColumn,
  {
    name: 'Type',
    type: 'string',
    description: 'From where the service is reached',
    cell: ({ spec }) => spec.type ?? '',
  },
  {
    name: 'Cluster-IP',
    type: 'string',
    description: 'Virtual address inside of the cluster',
    cell: ({ spec }) => orNone(spec.clusterIPs?.[0] ?? spec.clusterIP),
  },
  {
    name: 'External-IP',
    type: 'string',
    description: 'Addresses outside of the cluster',
    cell: externalAddress,
  },
  {
    name: 'Port(s)',
    type: 'string',
    description: 'Ports of the service, with their node ports',
    cell: ({ spec }) => {
      const ports = (spec.ports ?? []).map(({ port, nodePort, protocol }) =>
        nodePort === undefined || nodePort === 0
          ? `${String(port)}/${protocol ?? 'TCP'}`
          : `${String(port)}:${String(nodePort)}/${protocol ?? 'TCP'}`,
      );
      return orNone(ports.join(','));
    },
  },
  ageColumn,
  {
    name: 'Selector',
    type: 'string',
    description: 'Labels of the pods behind the service',
    priority: 1,
    cell: ({ spec }) => formatLabels(spec.selector),
  },
];

function externalAddress({ spec, status }: Service): string {
  const own = spec.externalIPs ?? [];
  switch (spec.type) {
    case 'ExternalName':
      return spec.externalName ?? '';
    case 'ClusterIP':
    case 'NodePort':
      return orNone(own.join(','));
    case 'LoadBalancer': {
      const balancer = (status.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '');
      const addresses = [...balancer.filter((address) => address !== ''), ...own];
      return addresses.length === 0 ? '<pending>' : addresses.join(',');
    }
    case undefined:
    default:
      return unknown;
  }
}

export const endpointsColumns: readonly Column<Endpoints>[] = [
  nameColumn,
  {
    name: 'Endpoints',
    type: 'string',
    description: 'Addresses that take part',
    cell: ({ subsets }) => {
      const all = (subsets ?? []).flatMap(({ addresses = [], ports = [] }) =>
        ports.length === 0
          ? addresses.map(({ ip }) => ip)
          : ports.flatMap(({ port }) => addresses.map(({ ip }) => joinHostPort(ip, port))),
      );
      return formatSome(all, shownEndpoints, none);
    },
  },
  ageColumn,
];

export const endpointSliceColumns: readonly Column<EndpointSlice>[] = [
  nameColumn,
  {
    name: 'AddressType',
    type: 'string',
    description: 'Family of all addresses of the slice',
    cell: ({ addressType }) => addressType,
  },
  {
    name: 'Ports',
    type: 'string',
    description: 'Ports that every endpoint of the slice serves',
    cell: ({ ports }) => {
      const numbers = (ports ?? []).map(({ port }) => (port === undefined ? '*' : String(port)));
      return formatSome(numbers, shownEndpoints, '<unset>');
    },
  },
  {
    name: 'Endpoints',
    type: 'string',
    description: 'Addresses of the slice',
    cell: (slice) =>
      formatSome(
        slice.endpoints.flatMap(({ addresses }) => addresses),
        shownEndpoints,
        '<unset>',
      ),
  },
  ageColumn,
];
