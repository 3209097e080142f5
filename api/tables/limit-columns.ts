/** The columns of what limits, ranks and guards pods, and of the health of the control plane. */
import type { ComponentStatus, LimitRange, ResourceQuota } from '../generated/core-v1.js';
import type { PodDisruptionBudget } from '../generated/policy-v1.js';
import type { PriorityClass } from '../generated/scheduling-v1.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn } from './column.js';

const notApplicable = 'N/A';

export const podDisruptionBudgetColumns: readonly Column<PodDisruptionBudget>[] = [
  nameColumn,
  {
    name: 'Min Available',
    type: 'string',
    description: 'Pods that must stay',
    cell: ({ spec }) => String(spec.minAvailable ?? notApplicable),
  },
  {
    name: 'Max Unavailable',
    type: 'string',
    description: 'Pods that may be missing',
    cell: ({ spec }) => String(spec.maxUnavailable ?? notApplicable),
  },
  {
    name: 'Allowed Disruptions',
    type: 'integer',
    description: 'Pods that may be evicted now',
    cell: ({ status }) => status.disruptionsAllowed,
  },
  ageColumn,
];

export const priorityClassColumns: readonly Column<PriorityClass>[] = [
  nameColumn,
  {
    name: 'Value',
    type: 'integer',
    description: 'The higher, the more important',
    cell: ({ value }) => value,
  },
  {
    name: 'Global-Default',
    type: 'boolean',
    description: 'Whether pods without a class get this one',
    cell: ({ globalDefault }) => globalDefault === true,
  },
  ageColumn,
  {
    name: 'PreemptionPolicy',
    type: 'string',
    description: 'Whether such pods may push others off a node',
    cell: ({ preemptionPolicy }) => preemptionPolicy ?? '',
  },
];

function formatUsage({ status }: ResourceQuota, ofLimits: boolean): string {
  return Object.keys(status.hard ?? {})
    .sort()
    .filter((name) => name.startsWith('limits.') === ofLimits)
    .map((name) => `${name}: ${status.used?.[name] ?? '0'}/${status.hard?.[name] ?? '0'}`)
    .join(', ');
}

export const resourceQuotaColumns: readonly Column<ResourceQuota>[] = [
  nameColumn,
  {
    name: 'Request',
    type: 'string',
    description: 'What is used, of what may be asked for',
    cell: (quota) => formatUsage(quota, false),
  },
  {
    name: 'Limit',
    type: 'string',
    description: 'What is used, of the limits that may be set',
    cell: (quota) => formatUsage(quota, true),
  },
  ageColumn,
];

export const limitRangeColumns: readonly Column<LimitRange>[] = [
  nameColumn,
  {
    name: 'Created At',
    type: 'string',
    description: 'When it was created',
    cell: ({ metadata }) => metadata.creationTimestamp,
  },
];

/** One condition says it all: Healthy. */
function healthOf({ conditions = [] }: ComponentStatus): { state: string; message: string; error: string } {
  const healthy = conditions.find(({ type }) => type === 'Healthy');
  const state =
    healthy?.status === 'True' ? 'Healthy' : healthy?.status === 'False' ? 'Unhealthy' : 'Unknown';
  return { state, message: healthy?.message ?? '', error: healthy?.error ?? '' };
}

export const componentStatusColumns: readonly Column<ComponentStatus>[] = [
  nameColumn,
  {
    name: 'Status',
    type: 'string',
    description: 'Whether it is healthy',
    cell: (status) => healthOf(status).state,
  },
  {
    name: 'Message',
    type: 'string',
    description: 'What it says',
    cell: (status) => healthOf(status).message,
  },
  { name: 'Error', type: 'string', description: 'What is wrong', cell: (status) => healthOf(status).error },
];
