/** /debug/api_priority_and_fairness/: what the levels do right now, in the columns that Kubernetes documents. */
import type { PriorityLevel } from './priority-level.js';

const base = '/debug/api_priority_and_fairness/';

const levelColumns = [
  'PriorityLevelName',
  'ActiveQueues',
  'IsIdle',
  'IsQuiescing',
  'WaitingRequests',
  'ExecutingRequests',
  'DispatchedRequests',
  'RejectedRequests',
  'TimedoutRequests',
  'CancelledRequests',
];

/** The page of this path; undefined when there is none. */
export function dumpFlowControl(path: string, levels: Iterable<PriorityLevel>): string | undefined {
  return path === `${base}dump_priority_levels` ? dumpPriorityLevels(levels) : undefined;
}

function dumpPriorityLevels(levels: Iterable<PriorityLevel>): string {
  const rows = [...levels]
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, queues, outcomes }) => [
      name,
      queues.describeQueues().filter(({ waiting }) => waiting > 0).length,
      queues.waiting + queues.running === 0,
      // A level that is taken away gets no more requests and is not listed.
      false,
      queues.waiting,
      queues.running,
      outcomes.dispatched,
      outcomes.rejected,
      outcomes['time-out'],
      outcomes.cancelled,
    ]);
  return aligned([levelColumns, ...rows.map((row) => row.map(String))]);
}

/** Values with commas, each column as wide as its widest. */
function aligned(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map(
    (_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)) + 2,
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => `${cell},`.padEnd(widths[column] ?? 0))
        .join('')
        .trimEnd(),
    )
    .map((line) => `${line.replace(/,$/, '')}\n`)
    .join('');
}
