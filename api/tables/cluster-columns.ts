/** The columns of Nodes, Namespaces, Leases, Events and of the objects that hold data. */
import type { APIService } from '../generated/apiregistration-v1.js';
import type { Lease } from '../generated/coordination-v1.js';
import type { ConfigMap, Event, Namespace, Node, Secret, ServiceAccount } from '../generated/core-v1.js';
import type { KubernetesObject } from '../objects.js';
import { findCondition } from '../pod-helpers.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, orNone, unknown } from './column.js';
import { humanAge } from './human-duration.js';

const rolePrefix = 'node-role.kubernetes.io/';
const roleLabel = 'kubernetes.io/role';

export const nodeColumns: readonly Column<Node>[] = [
  nameColumn,
  {
    name: 'Status',
    type: 'string',
    description: 'Whether the node is ready and takes new pods',
    cell: ({ spec, status }) => {
      const ready = findCondition(status.conditions, 'Ready');
      const state = ready === undefined ? 'Unknown' : ready.status === 'True' ? 'Ready' : 'NotReady';
      return spec.unschedulable === true ? `${state},SchedulingDisabled` : state;
    },
  },
  {
    name: 'Roles',
    type: 'string',
    description: 'Roles of the node, from its labels',
    cell: ({ metadata }) => {
      const roles = new Set<string>();
      for (const [key, value] of Object.entries(metadata.labels ?? {})) {
        if (key.startsWith(rolePrefix) && key !== rolePrefix) roles.add(key.slice(rolePrefix.length));
        else if (key === roleLabel && value !== '') roles.add(value);
      }
      return orNone([...roles].sort().join(','));
    },
  },
  ageColumn,
  {
    name: 'Version',
    type: 'string',
    description: 'Version of the kubelet',
    cell: ({ status }) => status.nodeInfo?.kubeletVersion ?? '',
  },
  {
    name: 'Internal-IP',
    type: 'string',
    description: 'Address of the node within the cluster',
    priority: 1,
    cell: (node) => orNone(addressOf(node, 'InternalIP')),
  },
  {
    name: 'External-IP',
    type: 'string',
    description: 'Address of the node outside of the cluster',
    priority: 1,
    cell: (node) => orNone(addressOf(node, 'ExternalIP')),
  },
  {
    name: 'OS-Image',
    type: 'string',
    description: 'Operating system of the node',
    priority: 1,
    cell: ({ status }) => orUnknown(status.nodeInfo?.osImage),
  },
  {
    name: 'Kernel-Version',
    type: 'string',
    description: 'Kernel of the node',
    priority: 1,
    cell: ({ status }) => orUnknown(status.nodeInfo?.kernelVersion),
  },
  {
    name: 'Container-Runtime',
    type: 'string',
    description: 'Container runtime of the node',
    priority: 1,
    cell: ({ status }) => orUnknown(status.nodeInfo?.containerRuntimeVersion),
  },
];

function addressOf({ status }: Node, type: string): string | undefined {
  return status.addresses?.find((one) => one.type === type)?.address;
}

function orUnknown(value: string | undefined): string {
  return value === undefined || value === '' ? unknown : value;
}

export const namespaceColumns: readonly Column<Namespace>[] = [
  nameColumn,
  {
    name: 'Status',
    type: 'string',
    description: 'Active, or Terminating while its contents are deleted',
    cell: ({ status }) => status.phase ?? '',
  },
  ageColumn,
];

export const configMapColumns: readonly Column<ConfigMap>[] = [
  nameColumn,
  {
    name: 'Data',
    type: 'integer',
    description: 'Number of entries',
    cell: ({ data, binaryData }) => Object.keys(data ?? {}).length + Object.keys(binaryData ?? {}).length,
  },
  ageColumn,
];

export const secretColumns: readonly Column<Secret>[] = [
  nameColumn,
  {
    name: 'Type',
    type: 'string',
    description: 'What the secret is for',
    cell: ({ type }) => type ?? '',
  },
  {
    name: 'Data',
    type: 'integer',
    description: 'Number of entries',
    cell: ({ data }) => Object.keys(data ?? {}).length,
  },
  ageColumn,
];

export const serviceAccountColumns: readonly Column<ServiceAccount>[] = [
  nameColumn,
  {
    name: 'Secrets',
    type: 'integer',
    description: 'Number of secrets that belong to the account',
    cell: ({ secrets }) => (secrets ?? []).length,
  },
  ageColumn,
];

export const leaseColumns: readonly Column<Lease>[] = [
  nameColumn,
  {
    name: 'Holder',
    type: 'string',
    description: 'Who holds the lease',
    cell: ({ spec }) => spec.holderIdentity ?? '',
  },
  ageColumn,
];

function firstSeen({ firstTimestamp, eventTime }: Event, nowMs: number): string {
  return humanAge(firstTimestamp ?? eventTime, nowMs);
}

export const eventColumns: readonly Column<Event>[] = [
  {
    name: 'Last Seen',
    type: 'string',
    description: 'How long ago it happened for the last time',
    cell: (event, nowMs) => {
      const last = event.series?.lastObservedTime ?? event.lastTimestamp;
      return last === undefined ? firstSeen(event, nowMs) : humanAge(last, nowMs);
    },
  },
  { name: 'Type', type: 'string', description: 'Normal or Warning', cell: ({ type }) => type ?? '' },
  {
    name: 'Reason',
    type: 'string',
    description: 'One word for what happened',
    cell: ({ reason }) => reason ?? '',
  },
  {
    name: 'Object',
    type: 'string',
    description: 'What it happened to',
    cell: ({ involvedObject: { kind = '', name } }) =>
      name === undefined || name === '' ? kind.toLowerCase() : `${kind.toLowerCase()}/${name}`,
  },
  {
    name: 'Subobject',
    type: 'string',
    description: 'Part of the object that it happened to',
    priority: 1,
    cell: ({ involvedObject }) => involvedObject.fieldPath ?? '',
  },
  {
    name: 'Source',
    type: 'string',
    description: 'Who reports it',
    priority: 1,
    cell: ({ source, reportingComponent, reportingInstance }) =>
      [source?.component ?? reportingComponent, source?.host ?? reportingInstance]
        .filter((part) => part !== undefined && part !== '')
        .join(', '),
  },
  {
    name: 'Message',
    type: 'string',
    description: 'What happened',
    cell: ({ message }) => (message ?? '').trim(),
  },
  {
    name: 'First Seen',
    type: 'string',
    description: 'How long ago it happened for the first time',
    priority: 1,
    cell: firstSeen,
  },
  {
    name: 'Count',
    type: 'integer',
    description: 'How often it happened',
    priority: 1,
    cell: ({ series, count }) => series?.count ?? (count === undefined || count === 0 ? 1 : count),
  },
  { ...nameColumn, priority: 1 },
];

export const apiServiceColumns: readonly Column<APIService>[] = [
  nameColumn,
  {
    name: 'Service',
    type: 'string',
    description: 'Service behind which the group version is served',
    cell: ({ spec: { service } }) =>
      service === undefined ? 'Local' : `${service.namespace ?? ''}/${service.name ?? ''}`,
  },
  {
    name: 'Available',
    type: 'string',
    description: 'Whether the group version can be asked for',
    cell: ({ status }) => {
      const condition = findCondition(status.conditions, 'Available');
      if (condition === undefined) return 'Unknown';
      return condition.status === 'True' ? 'True' : `${condition.status} (${condition.reason ?? ''})`;
    },
  },
  ageColumn,
];

/** Definitions are older than the habit of telling ages. */
export const customResourceDefinitionColumns: readonly Column<KubernetesObject>[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'date',
    description: 'When the object was created',
    cell: ({ metadata }) => metadata.creationTimestamp,
  },
];

/** The columns of a kind without any of its own. */
export const defaultColumns = [nameColumn, ageColumn];
