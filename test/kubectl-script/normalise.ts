/**
 * Takes out of kubectl's output what differs from run to run, and nothing else: times, ages, uids, versions, random
 * endings of names, addresses and ports that were handed out. A table is laid out anew, because its columns are as wide
 * as what stands in them.
 */

/** Letters of random endings: no vowels, nothing that is mistaken for something else. */
const letters = '[bcdfghjklmnpqrstvwxz2456789]';
const age = String.raw`(?:\d+[smhd]){1,2}|<invalid>`;

/** In order: the first that fits takes the text. */
const replacements: readonly (readonly [RegExp, string])[] = [
  [/\/tmp\/(LIVE|MERGED|kubectl-edit)-[\w-]*/g, '/tmp/$1-<n>'],
  [/\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)? [+-]\d{4}(?: UTC)?/g, '<time>'],
  // Colours, which old versions write to anything.
  [/\u001b\[[\d;]*m/g, ''],
  [/\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '<uid>'],
  [/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, '<time>'],
  [/\b\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}/g, '<time>'],
  [/((?:resourceVersion"?|Resource Version): *)"?\d+"?/g, '$1<version>'],
  [new RegExp(`(pod-template-hash[":= ]+)${letters}{8,10}\\b`, 'g'), '$1<hash>'],
  [new RegExp(`-${letters}{8,10}-${letters}{5}\\b`, 'g'), '-<hash>-<id>'],
  [new RegExp(`-${letters}{8,10}\\b`, 'g'), '-<hash>'],
  [new RegExp(`-${letters}{5}\\b`, 'g'), '-<id>'],
  [/\.[0-9a-f]{16}\b/g, '.<id>'],
  [/\b10\.(?!96\.0\.1\b)(?:9[6-9]|10\d|11[01])\.\d+\.\d+\b/g, '<cluster IP>'],
  [/\b10\.0\.0\.\d+\b/g, '<pod IP>'],
  [/\b3[0-2]\d{3}\b(?=\/(?:TCP|UDP))/g, '<node port>'],
  [/((?:nodePort|healthCheckNodePort)"?: )3[0-2]\d{3}\b/g, '$1<node port>'],
  [/\b127\.0\.0\.1:\d+/g, '127.0.0.1:<port>'],
  [/[A-Za-z0-9+/]{60,}={0,2}/g, '<base64>'],
  [/memory:\/\/container-\d+/g, 'memory://container-<n>'],
  // The last column of a table without a header.
  [new RegExp(`(?<= {3})(?:${age})$`, 'g'), '<age>'],
  [/memory:\/\/container-\d+/g, 'memory://container-<n>'],
  // The last column of a table without a header.
  [new RegExp(`(?<= {3})(?:${age})$`, 'g'), '<age>'],
  [new RegExp(`\\((x\\d+) over (?:${age})\\)`, 'g'), '($1 over <age>)'],
];

export interface NormaliseOptions {
  /** Only the lines that match. */
  readonly keep?: RegExp;
  /** The rows of tables in alphabetical order. */
  readonly sorted?: boolean;
}

export function normalise(text: string, { keep, sorted = false }: NormaliseOptions = {}): string {
  const lines = text.split('\n').filter((line) => keep?.test(line) !== false);
  return layOutTables(lines, sorted)
    .map((line) => line.trimEnd())
    .join('\n');
}

function replace(text: string): string {
  return replacements.reduce((rest, [pattern, word]) => rest.replaceAll(pattern, word), text);
}

/** Columns that tell of the machine on which the test runs. */
const machineColumns: ReadonlySet<string> = new Set(['OS-IMAGE', 'KERNEL-VERSION']);

/** Elsewhere `100m` is a tenth of a processor. */
const ageColumns: ReadonlySet<string> = new Set(['AGE', 'Age', 'LAST SEEN', 'LAST SCHEDULE', 'DURATION']);

const headerCell = String.raw`[A-Z][A-Z()/-]*(?: [A-Z()/-]+)*`;
const tableHeader = new RegExp(`^ *${headerCell}(?: {2,}${headerCell})+ *$`);
const ageCell = new RegExp(`^(?:${age})(?= \\(|$)`);

function layOutTables(lines: readonly string[], sorted: boolean): string[] {
  const result: string[] = [];
  for (let at = 0; at < lines.length;) {
    const line = lines[at] ?? '';
    if (!isHeader(line, lines[at + 1])) {
      result.push(replace(line));
      at++;
      continue;
    }
    // It ends with a blank line, or where the text moves to the left.
    const left = line.search(/\S/);
    const after = lines.findIndex(
      (one, index) => index > at && (one.trim() === '' || one.search(/\S/) < left),
    );
    const end = after === -1 ? lines.length : after;
    result.push(...layOut(lines.slice(at, end), sorted));
    at = end;
  }
  return result;
}

/** A line of capitals, or one that is underlined as in the events of `kubectl describe`. */
function isHeader(line: string, next = ''): boolean {
  return tableHeader.test(line) || (/^ *\S.* {2}\S/.test(line) && /^ *-+(?: {2,}-+)+ *$/.test(next));
}

/** Rows are cut where the columns of the header begin: a cell may be empty, and may hold spaces. */
function layOut(lines: readonly string[], sorted: boolean): string[] {
  const [header = ''] = lines;
  const starts = [...header.matchAll(/(?<=^ *| {2})\S/g)].map(({ index }) => index);
  // The widest cell of a column has only the gap behind it.
  const gap = Math.min(
    ...lines.flatMap((line) =>
      starts
        .slice(1)
        .filter((start) => start < line.length)
        .map((start) => spacesBefore(line, start)),
    ),
  );
  const titles = starts.map((start, column) => header.slice(start, starts[column + 1]).trim());
  const cells = [
    titles,
    ...lines.slice(1).map((line) =>
      starts.map((start, column) => {
        const title = titles[column] ?? '';
        if (machineColumns.has(title)) return '<machine>';
        const cell = replace(line.slice(start, starts[column + 1]).trim());
        return ageColumns.has(title) ? cell.replace(ageCell, '<age>') : cell;
      }),
    ),
  ];
  const widths = starts.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const indent = ' '.repeat(starts[0] ?? 0);
  const [first = '', ...rows] = cells.map(
    (row) => indent + row.map((cell, column) => cell.padEnd((widths[column] ?? 0) + gap)).join(''),
  );
  return [first, ...(sorted ? rows.sort() : rows)];
}

function spacesBefore(line: string, at: number): number {
  return at - line.slice(0, at).trimEnd().length;
}
