/** Metrics of autoscalers between the flat form of v1 and the nested one of v2: targets and current values alike. */
import type * as v2 from '../generated/autoscaling-v2.js';

/** Targets and current values have the same shape under other names. */
export type MetricSide = 'target' | 'current';

type Flat = Record<string, unknown>;

interface Nested {
  readonly metric?: v2.MetricIdentifier;
  readonly describedObject?: v2.CrossVersionObjectReference;
  readonly name?: string;
  readonly container?: string;
  readonly target?: v2.MetricTarget;
  readonly current?: v2.MetricValueStatus;
}

const sources = ['object', 'pods', 'resource', 'containerResource', 'external'] as const;
type Source = (typeof sources)[number];

/** How v1 calls the parts of a source; they differ by no rule. */
function namesOf(
  source: Source,
  side: MetricSide,
): { readonly selector: string; readonly value: string; readonly average: string; readonly percent: string } {
  return {
    selector: source === 'external' ? 'metricSelector' : 'selector',
    value: `${side}Value`,
    average: source === 'object' ? 'averageValue' : `${side}AverageValue`,
    percent: `${side}AverageUtilization`,
  };
}

export function metricToV1(metric: v2.MetricSpec | v2.MetricStatus, side: MetricSide): Flat {
  const flat: Flat = { type: metric.type };
  for (const source of sources) {
    const nested = metric[source] as Nested | undefined;
    if (nested !== undefined) flat[source] = flatten(nested, source, side);
  }
  return flat;
}

function flatten(nested: Nested, source: Source, side: MetricSide): Flat {
  const names = namesOf(source, side);
  const { value, averageValue, averageUtilization } = nested[side] ?? {};
  return defined({
    target: nested.describedObject,
    name: nested.name,
    container: nested.container,
    metricName: nested.metric?.name,
    [names.selector]: nested.metric?.selector,
    // v1 has no way to leave the value of an object's metric out.
    [names.value]: source === 'object' ? (value ?? '0') : value,
    [names.average]: averageValue,
    [names.percent]: averageUtilization,
  });
}

export function metricFromV1(flat: Flat, side: MetricSide): Flat {
  const metric: Flat = { type: flat['type'] ?? '' };
  for (const source of sources) {
    const given = flat[source];
    if (typeof given === 'object' && given !== null) metric[source] = nest(given as Flat, source, side);
  }
  return metric;
}

function nest(flat: Flat, source: Source, side: MetricSide): Flat {
  const names = namesOf(source, side);
  const averageUtilization = flat[names.percent];
  const averageValue = flat[names.average];
  const unset = source === 'object' && flat[names.value] === '0' && averageValue !== undefined;
  const value = unset ? undefined : flat[names.value];
  const type =
    averageUtilization !== undefined ? 'Utilization' : averageValue !== undefined ? 'AverageValue' : 'Value';
  return defined({
    describedObject: flat['target'],
    name: flat['name'],
    container: flat['container'],
    metric:
      flat['metricName'] === undefined
        ? undefined
        : defined({ name: flat['metricName'], selector: flat[names.selector] }),
    [side]: defined({
      type: side === 'target' ? type : undefined,
      value,
      averageValue,
      averageUtilization,
    }),
  });
}

function defined(object: Flat): Flat {
  return Object.fromEntries(
    Object.entries(object).filter(([, value]) => value !== undefined && value !== null),
  );
}
