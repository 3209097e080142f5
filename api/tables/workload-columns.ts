/** The columns of what runs pods without end, and of what such workloads keep. */
import type {
  ControllerRevision,
  DaemonSet,
  Deployment,
  ReplicaSet,
  StatefulSet,
} from '../generated/apps-v1.js';
import type { PodTemplate, PodTemplateSpec, ReplicationController } from '../generated/core-v1.js';
import type { KubernetesObject } from '../objects.js';
import { formatLabelSelector, selectorFromObject } from '../selectors.js';
import type { Column } from './column.js';
import { ageColumn, formatLabels, nameColumn, none } from './column.js';

export function templateColumns<T extends KubernetesObject>(
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

function formatSelector({ spec }: ReplicaSet | Deployment | DaemonSet): string {
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

export const statefulSetColumns: readonly Column<StatefulSet>[] = [
  nameColumn,
  {
    name: 'Ready',
    type: 'string',
    description: 'Pods that are ready, of those that are wanted',
    cell: ({ spec, status }) => `${String(status.readyReplicas ?? 0)}/${String(spec.replicas ?? 0)}`,
  },
  ageColumn,
  ...templateColumns<StatefulSet>(
    ({ spec }) => spec.template,
    () => '',
  ).slice(0, 2),
];

function countColumn<T extends KubernetesObject>(
  name: string,
  description: string,
  count: (object: T) => number | undefined,
): Column<T> {
  return { name, type: 'integer', description, cell: (object) => count(object) ?? 0 };
}

export const daemonSetColumns: readonly Column<DaemonSet>[] = [
  nameColumn,
  countColumn('Desired', 'Nodes that should run the pod', ({ status }) => status.desiredNumberScheduled),
  countColumn('Current', 'Nodes that run the pod and should', ({ status }) => status.currentNumberScheduled),
  countColumn('Ready', 'Nodes on which the pod is ready', ({ status }) => status.numberReady),
  countColumn(
    'Up-to-date',
    'Nodes that run the newest template',
    ({ status }) => status.updatedNumberScheduled,
  ),
  countColumn(
    'Available',
    'Nodes on which the pod has been ready for long enough',
    ({ status }) => status.numberAvailable,
  ),
  {
    name: 'Node Selector',
    type: 'string',
    description: 'Labels of the nodes that run the pod',
    cell: ({ spec }) => formatLabels(spec.template.spec.nodeSelector),
  },
  ageColumn,
  ...templateColumns<DaemonSet>(({ spec }) => spec.template, formatSelector),
];

export const controllerRevisionColumns: readonly Column<ControllerRevision>[] = [
  nameColumn,
  {
    name: 'Controller',
    type: 'string',
    description: 'Whose state this is',
    cell: ({ metadata }) => {
      const owner = metadata.ownerReferences?.find((one) => one.controller === true);
      if (owner === undefined) return none;
      const [group = ''] = owner.apiVersion.includes('/') ? owner.apiVersion.split('/') : [];
      const kind = owner.kind.toLowerCase();
      return `${group === '' ? kind : `${kind}.${group}`}/${owner.name}`;
    },
  },
  {
    name: 'Revision',
    type: 'string',
    description: 'Place in the order of states',
    cell: ({ revision }) => revision,
  },
  ageColumn,
];

export const podTemplateColumns: readonly Column<PodTemplate>[] = [
  nameColumn,
  ...templateColumns<PodTemplate>(
    ({ template }) => template,
    () => '',
  )
    .slice(0, 2)
    .map((column) => ({ ...column, priority: 0 as const })),
  {
    name: 'Pod Labels',
    type: 'string',
    description: 'Labels of the pods that are made',
    cell: ({ template }) => formatLabels(template?.metadata.labels),
  },
];
