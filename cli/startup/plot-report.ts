/** The picture of what nodes remember of their starts. Pure. */
import type { DeviceHistory, StartupReport } from '../../api/startup-report.js';
import { plotStartup } from './plot.js';
import type { PlotChart } from './plot.js';

/** Undefined when no node remembers anything. */
export function plotReports(reports: readonly StartupReport[]): string | undefined {
  const charts = reports.flatMap((report) =>
    report.history
      .filter(({ samples }) => samples.length > 0)
      .map((history) => chartOf(report.node, history)),
  );
  if (charts.length === 0) return undefined;
  const names = reports.map(({ node }) => node);
  return plotStartup(charts, {
    title: `Starts on ${names.length === 1 ? (names[0] ?? '') : `${names.length} nodes`}`,
  });
}

function chartOf(node: string, { about, samples }: DeviceHistory): PlotChart {
  const [first, last] = [samples[0], samples.at(-1)];
  const from = new Date(first?.atMs ?? 0).toISOString().slice(0, 19).replace('T', ' ');
  const to = new Date(last?.atMs ?? 0).toISOString().slice(11, 19);
  return { title: `${node}, ${about}`, subtitle: `${from} to ${to} UTC`, samples };
}
