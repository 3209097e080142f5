/** The table of all cases: each with its rounds side by side. Pure. */
import type { Section } from '../report.js';
import { median } from '../statistics.js';
import type { StormRun } from './results-file.js';

/** A row for each storm, medians of its rounds. */
export function summarize(runs: readonly StormRun[]): Section {
  const cases = [...new Set(runs.map((run) => run.case))];
  const rows = cases.flatMap((name) => {
    const rounds = runs.filter((run) => run.case === name);
    const storms = [...new Set(rounds.flatMap((run) => Object.keys(run.storms)))];
    return storms.map((storm) => {
      const outcomes = rounds.flatMap((run) => run.storms[storm] ?? []);
      const of = (pick: (one: (typeof outcomes)[number]) => number): number => median(outcomes.map(pick));
      const ideal = outcomes[0]?.idealSeconds;
      const seconds = of((one) => one.seconds);
      return [
        storm === name ? name : `${name}: ${storm}`,
        `${of((one) => one.ready)} of ${outcomes[0]?.pods ?? 0}`,
        String(of((one) => one.kills)),
        seconds.toFixed(1),
        ideal === undefined ? '-' : ideal.toFixed(1),
        ideal === undefined ? '-' : (seconds / ideal).toFixed(3),
        of((one) => one.createP95Seconds).toFixed(2),
        String(Math.round(of((one) => one.readBytes + one.writtenBytes) / 1024 / 1024)),
        String(outcomes.length),
      ];
    });
  });
  return {
    name: 'storm',
    columns: ['case', 'ready', 'kills', 's', 'ideal, s', '× ideal', 'create p95, s', 'MiB moved', 'rounds'],
    rows,
    notes: missed(runs),
  };
}

function missed(runs: readonly StormRun[]): string[] {
  const lines = runs.flatMap((run) =>
    run.checks
      .filter(({ passed }) => !passed)
      .map(({ what, found, aim }) => `${run.case}, round ${run.round}: ${what} was ${found} (aim: ${aim}).`),
  );
  return [lines.length === 0 ? 'Every aim was met in every round.' : `Missed: ${lines.join(' ')}`];
}
