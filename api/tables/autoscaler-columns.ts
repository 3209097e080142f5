/** The columns of HorizontalPodAutoscalers: what is measured, against what is wanted. */
import { horizontalPodAutoscalerToV2 } from '../conversion/horizontal-pod-autoscaler.js';
import type * as v1 from '../generated/autoscaling-v1.js';
import type { HorizontalPodAutoscaler, MetricSpec, MetricStatus } from '../generated/autoscaling-v2.js';
import type { KubernetesObject } from '../objects.js';
import type { Column } from './column.js';
import { ageColumn, nameColumn, none, unknown } from './column.js';

const unset = '<unset>';
const maxShown = 2;

/** The parts of a metric that sources share, whichever it is. */
interface Measured {
  readonly name?: string;
  readonly container?: string;
  readonly target?: {
    readonly value?: string;
    readonly averageValue?: string;
    readonly averageUtilization?: number;
  };
  readonly current?: Measured['target'];
}

function sourceOf(metric: MetricSpec | MetricStatus | undefined): Measured {
  const { object, pods, resource, containerResource, external } = metric ?? {};
  return object ?? pods ?? resource ?? containerResource ?? external ?? {};
}

function formatMetric(spec: MetricSpec, status: MetricStatus | undefined): string {
  const { name, target = {} } = sourceOf(spec);
  const { current = {} } = sourceOf(status);
  const byUse = spec.type === 'Resource' || spec.type === 'ContainerResource';
  const prefix = byUse ? `${name ?? ''}: ` : '';
  if (byUse && target.averageValue === undefined) {
    const now = current.averageUtilization === undefined ? unknown : `${String(current.averageUtilization)}%`;
    return `${prefix}${now}/${target.averageUtilization === undefined ? '<auto>' : `${String(target.averageUtilization)}%`}`;
  }
  if (target.averageValue !== undefined) {
    const average = spec.type === 'External' || spec.type === 'Object' ? ' (avg)' : '';
    return `${prefix}${current.averageValue ?? unknown}/${target.averageValue}${average}`;
  }
  return `${current.value ?? unknown}/${target.value ?? unset}`;
}

function formatTargets({ spec, status }: HorizontalPodAutoscaler): string {
  const metrics = spec.metrics ?? [];
  if (metrics.length === 0) return none;
  const shown = metrics
    .slice(0, maxShown)
    .map((metric, index) => formatMetric(metric, status.currentMetrics?.[index]));
  const more = metrics.length > maxShown ? ` + ${String(metrics.length - maxShown)} more...` : '';
  return shown.join(', ') + more;
}

export const horizontalPodAutoscalerColumns: readonly Column<HorizontalPodAutoscaler>[] = [
  nameColumn,
  {
    name: 'Reference',
    type: 'string',
    description: 'What is scaled',
    cell: ({ spec: { scaleTargetRef } }) => `${scaleTargetRef.kind}/${scaleTargetRef.name}`,
  },
  {
    name: 'Targets',
    type: 'string',
    description: 'What is measured, and what is aimed at',
    cell: formatTargets,
  },
  {
    name: 'MinPods',
    type: 'string',
    description: 'Fewest pods',
    cell: ({ spec }) => String(spec.minReplicas ?? unset),
  },
  { name: 'MaxPods', type: 'integer', description: 'Most pods', cell: ({ spec }) => spec.maxReplicas },
  {
    name: 'Replicas',
    type: 'integer',
    description: 'Pods now',
    cell: ({ status }) => status.currentReplicas ?? 0,
  },
  ageColumn,
];

export const horizontalPodAutoscalerV1Columns: readonly Column<v1.HorizontalPodAutoscaler>[] =
  horizontalPodAutoscalerColumns.map((column) => ({
    ...column,
    cell: (object, nowMs) => column.cell(horizontalPodAutoscalerToV2(object), nowMs),
  }));

/** The answer of the scale subresource, with the metadata of the workload. */
export type Scale = v1.Scale & KubernetesObject;

/** Of the scale subresource, whichever workload it belongs to. */
export const scaleColumns: readonly Column<Scale>[] = [
  nameColumn,
  {
    name: 'Desired',
    type: 'integer',
    description: 'Replicas that are wanted',
    cell: ({ spec }) => spec?.replicas ?? 0,
  },
  {
    name: 'Available',
    type: 'integer',
    description: 'Replicas that there are',
    cell: ({ status }) => status?.replicas ?? 0,
  },
  ageColumn,
];
