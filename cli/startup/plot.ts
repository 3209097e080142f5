/**
 * Draws how a node started its Pods: slots, queue, pressure and throughput of a device over time, as an SVG that needs
 * nothing else. Pure: the same samples make the same text.
 */
import { timeAxis } from './plot-axis.js';
import type { Axis } from './plot-axis.js';
import { greatestOf, panelsOf } from './plot-panels.js';
import type { Curve, Panel, PlotChart } from './plot-panels.js';
import { plotStyle } from './plot-style.js';

export type { PlotChart, PlotSample } from './plot-panels.js';

export interface PlotOptions {
  readonly title: string;
  /**
   * Charts side by side share their scales, so that they can be compared (with and without the gate); charts below each
   * other each have their own. Default 1.
   */
  readonly columns?: 1 | 2;
}

const size = {
  width: 960,
  margin: 24,
  titleHeight: 40,
  chartTitleHeight: 34,
  panelHeight: 96,
  panelTitleHeight: 34,
  axisWidth: 40,
  timeHeight: 36,
  rowGap: 24,
  columnGap: 28,
} as const;

/** A pause this long between samples is a gap, not a slope: the kubelet was away. */
const gapMs = 5_000;

export function plotStartup(charts: readonly PlotChart[], { title, columns = 1 }: PlotOptions): string {
  const rows: PlotChart[][] = [];
  for (let at = 0; at < charts.length; at += columns) rows.push(charts.slice(at, at + columns));
  const parts: string[] = [];
  let top = size.margin + size.titleHeight;
  for (const row of rows) {
    const drawn = drawRow(row, columns, top);
    parts.push(drawn.text);
    top = drawn.bottom;
  }
  if (charts.length === 0) {
    parts.push(text(size.margin, top, 'note', 'There is nothing to draw yet.'));
    top += size.timeHeight;
  }
  const height = top;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${n(height)}" width="${size.width}" height="${n(height)}" role="img" aria-label="${escape(title)}">`,
    `<title>${escape(title)}</title>`,
    `<style>${plotStyle}</style>`,
    `<rect class="ground" width="100%" height="100%" rx="8"/>`,
    text(size.margin, size.margin + 18, 'title', title),
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

function drawRow(
  charts: readonly PlotChart[],
  columns: number,
  top: number,
): { readonly text: string; readonly bottom: number } {
  const panels = charts.map(panelsOf);
  const greatest = (index: number): number =>
    Math.max(...panels.map((own) => (own[index] === undefined ? 0 : greatestOf(own[index]))));
  const shown = [...(panels[0] ?? []).keys()].filter((index) => {
    const same = panels.flatMap((own) => own[index] ?? []);
    if (same.every(({ curves }) => curves.length === 0)) return false;
    return greatest(index) > 0 || !same.some(({ isLeftOutAtZero }) => isLeftOutAtZero === true);
  });
  const time = timeAxis(Math.max(0, ...charts.map(lengthOf)));
  const width = (size.width - 2 * size.margin - (columns - 1) * size.columnGap) / columns;
  const firstPanel = top + size.chartTitleHeight;
  const pitch = size.panelTitleHeight + size.panelHeight;
  const parts = charts.flatMap((chart, column) => {
    const left = size.margin + column * (width + size.columnGap);
    const drawn = shown.flatMap((index, place) => {
      const panel = panels[column]?.[index];
      if (panel === undefined) return [];
      const box = {
        left: left + size.axisWidth,
        top: firstPanel + place * pitch + size.panelTitleHeight,
        width: width - size.axisWidth,
        height: size.panelHeight,
      };
      const startMs = chart.samples[0]?.atMs ?? 0;
      const isLast = place === shown.length - 1;
      return [
        drawPanel(panel, { box, time, startMs, axis: panel.axis(greatest(index)) }),
        ...(isLast ? [drawTime({ ...box, top: box.top + box.height }, time)] : []),
      ];
    });
    return [
      text(left, top + 6, 'chart', chart.title),
      text(left, top + 23, 'note', chart.subtitle ?? ''),
      ...(shown.length === 0 ? [text(left, firstPanel + 14, 'note', 'No samples yet.')] : drawn),
    ];
  });
  return {
    text: parts.join('\n'),
    bottom: firstPanel + shown.length * pitch + size.timeHeight + size.rowGap,
  };
}

function lengthOf({ samples }: PlotChart): number {
  return (samples.at(-1)?.atMs ?? 0) - (samples[0]?.atMs ?? 0);
}

interface Frame {
  readonly box: Box;
  readonly time: Axis;
  readonly startMs: number;
  readonly axis: Axis;
}

function drawPanel(panel: Panel, frame: Frame): string {
  const { box, axis } = frame;
  const parts = [
    text(
      box.left - size.axisWidth,
      box.top - 10,
      'panel',
      axis.unit === '' ? panel.title : `${panel.title} (${axis.unit})`,
    ),
    ...drawLegend(panel.curves, box),
  ];
  for (const { at, label } of axis.ticks) {
    const y = box.top + box.height - (at / axis.max) * box.height;
    parts.push(line(box.left, y, box.left + box.width, y, at === 0 ? 'axis' : 'grid'));
    parts.push(text(box.left - 6, y + 4, 'end', label));
  }
  for (const { at } of frame.time.ticks) {
    const x = box.left + (at / frame.time.max) * box.width;
    parts.push(line(x, box.top, x, box.top + box.height, 'grid'));
  }
  parts.push(...panel.curves.map((curve) => drawCurve(curve, frame)));
  return parts.join('\n');
}

function drawTime(box: Box, time: Axis): string {
  const parts = time.ticks.map(({ at, label }) =>
    text(box.left + (at / time.max) * box.width, box.top + 16, 'middle', label),
  );
  const words = `time since the first sample (${time.unit})`;
  parts.push(text(box.left + box.width / 2, box.top + 31, 'middle', words));
  return parts.join('\n');
}

/** From the right edge to the left, on the line of the panel's title. */
function drawLegend(curves: readonly Curve[], box: Box): readonly string[] {
  let right = box.left + box.width;
  return [...curves].reverse().map((curve) => {
    const left = right - curve.label.length * 6.3 - 26;
    right = left - 14;
    const y = box.top - 14;
    const swatch =
      curve.shape === 'area'
        ? `<rect class="fill ${curve.colour}" x="${n(left)}" y="${n(y - 4)}" width="20" height="9"/>`
        : line(left, y, left + 20, y, `curve ${curve.colour}`);
    return swatch + text(left + 26, y + 4, 'legend', curve.label);
  });
}

function drawCurve(curve: Curve, { box, time, startMs, axis }: Frame): string {
  const x = (atMs: number): number => box.left + ((atMs - startMs) / time.max) * box.width;
  const y = (value: number): number => box.top + box.height - (value / axis.max) * box.height;
  const runs = unbroken(curve).map((run) => run.map((point) => [x(point.atMs), y(point.value)] as const));
  if (curve.shape === 'area') {
    const floor = box.top + box.height;
    const paths = runs.map((run) => {
      const [first, last] = [run[0]?.[0] ?? box.left, run.at(-1)?.[0] ?? box.left];
      return `M${n(first)} ${n(floor)}V${steps(run).slice(1).replace(/^\S+ /, '')}H${n(last)}V${n(floor)}Z`;
    });
    return `<path class="fill ${curve.colour}" d="${paths.join('')}"/>`;
  }
  const draw = curve.shape === 'line' ? polyline : steps;
  return `<path class="curve ${curve.colour}" d="${runs.map(draw).join('')}"/>`;
}

interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** The pieces between gaps: nothing was measured, or nobody was there to do it. */
function unbroken(curve: Curve): readonly (readonly Point[])[] {
  const runs: Point[][] = [];
  let lastMs = -Infinity;
  for (const { atMs, value } of curve.points) {
    if (value === undefined) continue;
    if (atMs - lastMs > gapMs) runs.push([]);
    runs.at(-1)?.push({ atMs, value });
    lastMs = atMs;
  }
  return runs;
}

type Pixels = readonly (readonly [x: number, y: number])[];

/** What was counted stays until the next count. Points that change nothing are left out. */
function steps(run: Pixels): string {
  let path = '';
  let lastY: number | undefined;
  run.forEach(([x, y], index) => {
    if (index === 0) path += `M${n(x)} ${n(y)}`;
    else if (y !== lastY) path += `H${n(x)}V${n(y)}`;
    else if (index === run.length - 1) path += `H${n(x)}`;
    lastY = y;
  });
  return path;
}

function polyline(run: Pixels): string {
  return run.map(([x, y], index) => `${index === 0 ? 'M' : 'L'}${n(x)} ${n(y)}`).join('');
}

function text(x: number, y: number, className: string, content: string): string {
  return `<text class="${className}" x="${n(x)}" y="${n(y)}">${escape(content)}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number, className: string): string {
  return `<line class="${className}" x1="${n(x1)}" y1="${n(y1)}" x2="${n(x2)}" y2="${n(y2)}"/>`;
}

/** A tenth of a pixel is fine enough, and half the size. */
function n(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escape(content: string): string {
  return content.replace(/[&<>"]/g, (one) => `&#${one.charCodeAt(0)};`);
}
