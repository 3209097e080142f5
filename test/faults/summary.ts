/** What a soak has to say at its end. Pure. */
import type { SoakResult } from './soak.js';

/** Two columns: what, and how often. */
export function summaryRows({ rounds, counts, faults, violations }: SoakResult): [string, string][] {
  const sum = (wanted: (name: string) => boolean): string =>
    [...counts]
      .reduce((total, [name, count]) => (wanted(name) ? total + count : total), 0)
      .toLocaleString('en');
  const row = (name: string): [string, string] => [name, sum((one) => one === name)];
  const write = /^(create|update|patch|delete) /;
  return [
    ['rounds', rounds.toLocaleString('en')],
    ['writes acknowledged', sum((name) => write.test(name) && /(written|deleted)$/.test(name))],
    ['writes refused', sum((name) => write.test(name) && name.endsWith(' refused'))],
    ['writes of unknown outcome', sum((name) => write.test(name) && name.endsWith(' unknown'))],
    row('get answered'),
    row('list answered'),
    ['reads lost or refused', sum((name) => /^(get|list) (lost|refused)$/.test(name))],
    ['requests without a connection', sum((name) => name.endsWith(' not sent'))],
    row('watches'),
    row('watches resumed'),
    row('events'),
    row('410 of a list'),
    row('410 of a watch'),
    ...[...faults]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([name, count]): [string, string] => [`rounds with ${name}`, count.toLocaleString('en')]),
    ['violations', violations.length.toLocaleString('en')],
  ];
}

export function renderSummary(rows: readonly (readonly [string, string])[]): string {
  const [left, right] = [0, 1].map((column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows.map(([name, value]) => `${name.padEnd(left ?? 0)}  ${value.padStart(right ?? 0)}\n`).join('');
}
