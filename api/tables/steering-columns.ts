/** The columns of what steers requests to the API (admission, flow control), and of devices. */
import type {
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../generated/admissionregistration-v1.js';
import type { FlowSchema, PriorityLevelConfiguration } from '../generated/flowcontrol-v1.js';
import type { ResourceClaim, ResourceSlice } from '../generated/resource-v1.js';
import type { KubernetesObject } from '../objects.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, none } from './column.js';

const unset = '<unset>';

interface WebhookConfiguration extends KubernetesObject {
  readonly webhooks?: readonly unknown[];
}

export const webhookConfigurationColumns: readonly Column<WebhookConfiguration>[] = [
  nameColumn,
  {
    name: 'Webhooks',
    type: 'integer',
    description: 'Number of webhooks',
    cell: ({ webhooks }) => (webhooks ?? []).length,
  },
  ageColumn,
];

export const validatingAdmissionPolicyColumns: readonly Column<ValidatingAdmissionPolicy>[] = [
  nameColumn,
  {
    name: 'Validations',
    type: 'integer',
    description: 'Number of validations',
    cell: ({ spec }) => (spec.validations ?? []).length,
  },
  {
    name: 'ParamKind',
    type: 'string',
    description: 'Kind of the parameters',
    cell: ({ spec: { paramKind } }) =>
      paramKind === undefined ? unset : `${paramKind.apiVersion ?? ''}/${paramKind.kind ?? ''}`,
  },
  ageColumn,
];

export const validatingAdmissionPolicyBindingColumns: readonly Column<ValidatingAdmissionPolicyBinding>[] = [
  nameColumn,
  {
    name: 'PolicyName',
    type: 'string',
    description: 'The policy that is put to work',
    cell: ({ spec }) => spec.policyName ?? '',
  },
  {
    name: 'ParamRef',
    type: 'string',
    description: 'The parameters that it gets',
    cell: ({ spec: { paramRef } }) => {
      if (paramRef === undefined) return unset;
      const { namespace = '', name = '' } = paramRef;
      return namespace === '' ? name : `${namespace}/${name}`;
    },
  },
  ageColumn,
];

export const flowSchemaColumns: readonly Column<FlowSchema>[] = [
  nameColumn,
  {
    name: 'PriorityLevel',
    type: 'string',
    description: 'Where its requests go',
    cell: ({ spec }) => spec.priorityLevelConfiguration.name,
  },
  {
    name: 'MatchingPrecedence',
    type: 'integer',
    description: 'The smaller, the earlier it is asked',
    cell: ({ spec }) => spec.matchingPrecedence ?? 0,
  },
  {
    name: 'DistinguisherMethod',
    type: 'string',
    description: 'How its requests are told apart',
    cell: ({ spec }) => spec.distinguisherMethod?.type ?? none,
  },
  ageColumn,
  {
    name: 'MissingPL',
    type: 'string',
    description: 'Whether its priority level is missing',
    cell: ({ status }) => (status.conditions ?? []).find(({ type }) => type === 'Dangling')?.status ?? '?',
  },
];

function queuingCell(
  field: 'queues' | 'handSize' | 'queueLengthLimit',
): Column<PriorityLevelConfiguration>['cell'] {
  return ({ spec }) => spec.limited?.limitResponse?.queuing?.[field] ?? none;
}

export const priorityLevelConfigurationColumns: readonly Column<PriorityLevelConfiguration>[] = [
  nameColumn,
  { name: 'Type', type: 'string', description: 'Limited or Exempt', cell: ({ spec }) => spec.type },
  {
    name: 'NominalConcurrencyShares',
    type: 'string',
    description: 'Share of the requests that run at once',
    cell: ({ spec }) => spec.limited?.nominalConcurrencyShares ?? none,
  },
  { name: 'Queues', type: 'string', description: 'Number of queues', cell: queuingCell('queues') },
  {
    name: 'HandSize',
    type: 'string',
    description: 'Number of queues among which a flow chooses',
    cell: queuingCell('handSize'),
  },
  {
    name: 'QueueLengthLimit',
    type: 'string',
    description: 'Requests that fit into a queue',
    cell: queuingCell('queueLengthLimit'),
  },
  ageColumn,
];

export const resourceClaimColumns: readonly Column<ResourceClaim>[] = [
  nameColumn,
  {
    name: 'State',
    type: 'string',
    description: 'Whether devices were found, and are used',
    cell: ({ metadata, status }) => {
      const states: string[] = [];
      if (metadata.deletionTimestamp !== undefined) states.push('deleted');
      if (status.allocation !== undefined) {
        states.push('allocated');
        if ((status.reservedFor ?? []).length > 0) states.push('reserved');
      } else if (states.length === 0) states.push('pending');
      return states.join(',');
    },
  },
  ageColumn,
];

export const resourceSliceColumns: readonly Column<ResourceSlice>[] = [
  nameColumn,
  {
    name: 'Node',
    type: 'string',
    description: 'The node that has the devices',
    cell: ({ spec }) => spec.nodeName ?? '',
  },
  { name: 'Driver', type: 'string', description: 'Whose devices they are', cell: ({ spec }) => spec.driver },
  {
    name: 'Pool',
    type: 'string',
    description: 'The pool that they are part of',
    cell: ({ spec }) => spec.pool.name,
  },
  ageColumn,
];
