/** The columns of ReplicationControllers, ReplicaSets and Deployments. */
import type { Deployment, ReplicaSet } from '../generated/apps-v1.js';
import type { PodTemplateSpec, ReplicationController } from '../generated/core-v1.js';
import type { KubernetesObject } from '../objects.js';
import { formatLabelSelector, selectorFromObject } from '../selectors.js';
import type { Column } from './column.js';
import { ageColumn, formatLabels, nameColumn, none } from './column.js';

function templateColumns<T extends KubernetesObject>(
  templateOf: (object: T) => PodTemplateSpec | undefined,
  selectorOf: (object: T) => string,
): Column<T>[] {
  const join = (object: T, pick: (container: { name: string; image?: string }) => string): string =>
    (templateOf(object)?.spec.containers ?? []).map(pick).join(',');
  return [
    {
      name: 'Containers',
      type: 'string',
      description: 'Names of the containers of the template',
      priority: 1,
      cell: (object) => join(object, ({ name }) => name),
    },
    {
      name: 'Images',
      type: 'string',
      description: 'Images of the containers of the template',
      priority: 1,
      cell: (object) => join(object, ({ image }) => image ?? ''),
    },
    {
      name: 'Selector',
      type: 'string',
      description: 'Labels by which the pods are found',
      priority: 1,
      cell: selectorOf,
    },
  ];
}

function replicaColumns<T extends ReplicaSet | ReplicationController>(): Column<T>[] {
  return [
    nameColumn,
    {
      name: 'Desired',
      type: 'integer',
      description: 'Pods that are wanted',
      cell: ({ spec }) => spec.replicas ?? 0,
    },
    {
      name: 'Current',
      type: 'integer',
      description: 'Pods that there are',
      cell: ({ status }) => status.replicas,
    },
    {
      name: 'Ready',
      type: 'integer',
      description: 'Pods that are ready',
      cell: ({ status }) => status.readyReplicas ?? 0,
    },
    ageColumn,
  ];
}

function formatSelector({ spec }: ReplicaSet | Deployment): string {
  const text = formatLabelSelector(selectorFromObject(spec.selector));
  return text === '' ? none : text;
}

export const replicationControllerColumns: readonly Column<ReplicationController>[] = [
  ...replicaColumns<ReplicationController>(),
  ...templateColumns<ReplicationController>(
    ({ spec }) => spec.template,
    ({ spec }) => formatLabels(spec.selector),
  ),
];

export const replicaSetColumns: readonly Column<ReplicaSet>[] = [
  ...replicaColumns<ReplicaSet>(),
  ...templateColumns<ReplicaSet>(({ spec }) => spec.template, formatSelector),
];

export const deploymentColumns: readonly Column<Deployment>[] = [
  nameColumn,
  {
    name: 'Ready',
    type: 'string',
    description: 'Pods that are ready, of those that are wanted',
    cell: ({ spec, status }) => `${String(status.readyReplicas ?? 0)}/${String(spec.replicas ?? 0)}`,
  },
  {
    name: 'Up-to-date',
    type: 'integer',
    description: 'Pods of the newest template',
    cell: ({ status }) => status.updatedReplicas ?? 0,
  },
  {
    name: 'Available',
    type: 'integer',
    description: 'Pods that have been ready for long enough',
    cell: ({ status }) => status.availableReplicas ?? 0,
  },
  ageColumn,
  ...templateColumns<Deployment>(({ spec }) => spec.template, formatSelector),
];
