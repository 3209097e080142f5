/** Which curves stand in which panel of a plot, and over which scale. Pure. */
import { countAxis, percentAxis, throughputAxis } from './plot-axis.js';
import type { Axis } from './plot-axis.js';

/** A moment of a device; `HistorySample` is one. What is undefined leaves a gap. */
export interface PlotSample {
  readonly atMs: number;
  readonly limit?: number | undefined;
  readonly held?: number | undefined;
  readonly queued?: number | undefined;
  /** In the time since the sample before: starts that became ready, and starts that failed or were killed. */
  readonly ready?: number | undefined;
  readonly failed?: number | undefined;
  /** 0 to 1. */
  readonly pressure?: number | undefined;
  readonly bytesPerSecond?: number | undefined;
}

export interface PlotChart {
  readonly title: string;
  readonly subtitle?: string;
  /** In order of time. */
  readonly samples: readonly PlotSample[];
  /** What the device can do at most, where that is known: a dashed line. */
  readonly deviceBytesPerSecond?: number;
}

export interface Curve {
  readonly label: string;
  /** Names the colour: a class of the style sheet. */
  readonly colour: string;
  /** `steps` for what is counted, `line` for what is measured; `area` is filled steps. */
  readonly shape: 'steps' | 'line' | 'area';
  readonly points: readonly { readonly atMs: number; readonly value: number | undefined }[];
}

export interface Panel {
  readonly title: string;
  readonly curves: readonly Curve[];
  /** The scale for the greatest value of these curves, or of those of a chart beside it. */
  readonly axis: (most: number) => Axis;
  /** Nothing is drawn while all is zero: where nothing failed, there is no panel of failures. */
  readonly isLeftOutAtZero?: boolean;
}

/** All panels of a chart, always in the same order; one without curves has nothing to show. */
export function panelsOf(chart: PlotChart): readonly Panel[] {
  const curve = (
    label: string,
    colour: string,
    shape: Curve['shape'],
    value: (sample: PlotSample) => number | undefined,
  ): Curve => ({
    ...{ label, colour, shape },
    points: chart.samples.map((sample) => ({ atMs: sample.atMs, value: value(sample) })),
  });
  const ready = runningTotal((sample) => sample.ready);
  const failed = runningTotal((sample) => sample.failed);
  const { deviceBytesPerSecond } = chart;
  return [
    {
      title: 'Slots',
      axis: countAxis,
      curves: [
        curve('starting', 'held', 'area', ({ held }) => held),
        curve('limit', 'limit', 'steps', ({ limit }) => limit),
      ],
    },
    {
      title: 'Pods',
      axis: countAxis,
      curves: [
        curve('in the queue', 'queued', 'steps', ({ queued }) => queued),
        withTotal(curve('became ready', 'ready', 'steps', ready)),
      ],
    },
    {
      title: 'Failed starts',
      axis: countAxis,
      isLeftOutAtZero: true,
      curves: [withTotal(curve('failed or killed', 'failed', 'steps', failed))],
    },
    {
      title: 'Pressure',
      axis: percentAxis,
      curves: [
        curve('time in which a task waited for the device', 'pressure', 'line', (one) => one.pressure),
      ],
    },
    {
      title: 'Throughput',
      axis: throughputAxis,
      curves: [
        curve('read and written', 'throughput', 'line', (one) => one.bytesPerSecond),
        curve('the device at most', 'most', 'steps', () => deviceBytesPerSecond),
      ],
    },
  ].map((panel) => ({ ...panel, curves: panel.curves.filter(isMeasured) }));
}

function isMeasured({ points }: Curve): boolean {
  return points.some(({ value }) => value !== undefined);
}

export function greatestOf({ curves }: Panel): number {
  let most = 0;
  for (const { points } of curves) {
    for (const { value = 0 } of points) most = Math.max(most, value);
  }
  return most;
}

/** Counts up what happened; undefined for as long as nobody has counted. */
function runningTotal(
  count: (sample: PlotSample) => number | undefined,
): (sample: PlotSample) => number | undefined {
  let total: number | undefined;
  return (sample) => {
    const now = count(sample);
    if (now !== undefined) total = (total ?? 0) + now;
    return total;
  };
}

/** A total is read off its end: that stands in the legend. */
function withTotal(curve: Curve): Curve {
  const last = curve.points.at(-1)?.value;
  return last === undefined ? curve : { ...curve, label: `${curve.label}: ${last}` };
}
