/**
 * HorizontalPodAutoscalers between autoscaling/v1, which knows one number about CPU, and autoscaling/v2.
 *
 * What v1 has no field for stands in annotations there, under the names and in the form that Kubernetes uses, and comes back from
 * them. Only the order of metrics may change: the one about CPU comes first.
 */
import type * as v1 from '../generated/autoscaling-v1.js';
import type * as v2 from '../generated/autoscaling-v2.js';
import { metricFromV1, metricToV1 } from './autoscaling-metrics.js';

const prefix = 'autoscaling.alpha.kubernetes.io/';
const annotations = {
  metrics: `${prefix}metrics`,
  behavior: `${prefix}behavior`,
  currentMetrics: `${prefix}current-metrics`,
  conditions: `${prefix}conditions`,
};

/** What v1 shows of a v2 object. */
export function horizontalPodAutoscalerFromV2({
  metadata,
  spec,
  status,
}: v2.HorizontalPodAutoscaler): v1.HorizontalPodAutoscaler {
  const { metrics = [], behavior, ...commonSpec } = spec;
  const { currentMetrics, conditions, ...commonStatus } = status;
  const cpu = metrics.find((metric) => cpuPercent(metric) !== undefined);
  const currentCpu = (currentMetrics ?? []).find((metric) => currentCpuPercent(metric) !== undefined);
  const extra: Record<string, string> = { ...metadata.annotations };
  keep(
    extra,
    annotations.metrics,
    metrics.filter((one) => one !== cpu).map((one) => metricToV1(one, 'target')),
  );
  keep(
    extra,
    annotations.currentMetrics,
    (currentMetrics ?? []).filter((one) => one !== currentCpu).map((one) => metricToV1(one, 'current')),
  );
  keep(extra, annotations.conditions, conditions ?? []);
  if (behavior !== undefined) extra[annotations.behavior] = JSON.stringify(withCapitals(behavior));
  const percent = cpu === undefined ? undefined : cpuPercent(cpu);
  const currentPercent = currentCpu === undefined ? undefined : currentCpuPercent(currentCpu);
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, extra),
    spec: { ...commonSpec, ...(percent === undefined ? {} : { targetCPUUtilizationPercentage: percent }) },
    status: {
      ...commonStatus,
      currentReplicas: commonStatus.currentReplicas ?? 0,
      ...(currentPercent === undefined ? {} : { currentCPUUtilizationPercentage: currentPercent }),
    },
  };
}

/** The v2 object that a v1 object stands for. Annotations that cannot be read stay what they are: text of the client. */
export function horizontalPodAutoscalerToV2({
  metadata,
  spec,
  status,
}: v1.HorizontalPodAutoscaler): v2.HorizontalPodAutoscaler {
  const rest: Record<string, string> = { ...metadata.annotations };
  const { targetCPUUtilizationPercentage: percent, ...commonSpec } = spec;
  const { currentCPUUtilizationPercentage: currentPercent, ...commonStatus } = status;
  const metrics: v2.MetricSpec[] = takeList(rest, annotations.metrics).map(
    (one) => metricFromV1(one, 'target') as unknown as v2.MetricSpec,
  );
  const currentMetrics: v2.MetricStatus[] = takeList(rest, annotations.currentMetrics).map(
    (one) => metricFromV1(one, 'current') as unknown as v2.MetricStatus,
  );
  if (percent !== undefined)
    metrics.unshift({
      type: 'Resource',
      resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: percent } },
    });
  if (currentPercent !== undefined)
    currentMetrics.unshift({
      type: 'Resource',
      resource: { name: 'cpu', current: { averageUtilization: currentPercent } },
    });
  const conditions = takeList(
    rest,
    annotations.conditions,
  ) as unknown[] as v2.HorizontalPodAutoscalerCondition[];
  const behavior = takeObject(rest, annotations.behavior);
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: withAnnotations(metadata, rest),
    spec: {
      ...commonSpec,
      ...(metrics.length === 0 ? {} : { metrics }),
      ...(behavior === undefined
        ? {}
        : { behavior: withoutCapitals(behavior) as v2.HorizontalPodAutoscalerBehavior }),
    },
    status: {
      ...commonStatus,
      ...(currentMetrics.length === 0 ? {} : { currentMetrics }),
      ...(conditions.length === 0 ? {} : { conditions }),
    },
  };
}

function cpuPercent({ type, resource }: v2.MetricSpec): number | undefined {
  return type === 'Resource' && resource?.name === 'cpu' ? resource.target.averageUtilization : undefined;
}

/** Only what v1 can say in full: a value beside the percentage needs the annotation. */
function currentCpuPercent({ type, resource }: v2.MetricStatus): number | undefined {
  if (type !== 'Resource' || resource?.name !== 'cpu' || resource.current.averageValue !== undefined)
    return undefined;
  return resource.current.averageUtilization;
}

function keep(to: Record<string, string>, annotation: string, values: readonly unknown[]): void {
  if (values.length > 0) to[annotation] = JSON.stringify(values);
}

function withAnnotations<M extends { annotations?: Record<string, string> }>(
  metadata: M,
  annotations: Record<string, string>,
): M {
  const copy = { ...metadata };
  if (Object.keys(annotations).length === 0) delete copy.annotations;
  else copy.annotations = annotations;
  return copy;
}

function takeObject(from: Record<string, string>, annotation: string): object | undefined {
  const value = parse(from[annotation]);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  Reflect.deleteProperty(from, annotation);
  return value;
}

function takeList(from: Record<string, string>, annotation: string): Record<string, unknown>[] {
  const value = parse(from[annotation]);
  const isList =
    Array.isArray(value) &&
    value.every((one) => typeof one === 'object' && one !== null && !Array.isArray(one));
  if (!isList) return [];
  Reflect.deleteProperty(from, annotation);
  return value as Record<string, unknown>[];
}

function parse(text: string | undefined): unknown {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The behavior stands in its annotation with the field names of Go: `ScaleUp` for `scaleUp`. */
function withCapitals(value: unknown): unknown {
  return renameKeys(value, (key) => key.charAt(0).toUpperCase() + key.slice(1));
}

function withoutCapitals(value: unknown): unknown {
  return renameKeys(value, (key) => key.charAt(0).toLowerCase() + key.slice(1));
}

function renameKeys(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((one) => renameKeys(one, rename));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== null)
      .map(([key, one]) => [rename(key), renameKeys(one, rename)]),
  );
}
