/** What a benchmark found, as a table for people and as a section of docs/benchmarks.md. */
import { readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';

export interface Section {
  /** Names the markers in the page: `<!-- begin store -->`. */
  readonly name: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  readonly notes: readonly string[];
}

/** The machine and the day in one line: figures without them mean nothing. */
export function measuredOn(now: Date): string {
  const processors = cpus();
  const memory = `${Math.round(totalmem() / 1024 ** 3)} GiB`;
  const model = processors[0]?.model.trim() ?? arch();
  return `${now.toISOString().slice(0, 10)}, ${processors.length} × ${model}, ${memory}, Linux ${release()}, Node ${process.versions.node}`;
}

export function renderText(section: Section): string {
  const lines = [section.columns, ...section.rows];
  const widths = section.columns.map((_, column) =>
    Math.max(...lines.map((line) => (line[column] ?? '').length)),
  );
  const render = (line: readonly string[]): string =>
    line
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  return [...lines.map(render), ...section.notes].join('\n') + '\n';
}

export function renderMarkdown(section: Section, measured: string): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = section.columns.map((_, column) => (column === 0 ? '---' : '---:'));
  const table = [row(section.columns), row(rule), ...section.rows.map(row)].join('\n');
  const notes = section.notes.map((note) => `\n${note}\n`).join('');
  return `${table}\n\nMeasured on ${measured}.\n${notes}`;
}

/** The page with the text between a section's markers replaced. Throws when the markers are not there. */
export function replaceSection(page: string, name: string, content: string): string {
  const begin = `<!-- begin ${name} -->`;
  const end = `<!-- end ${name} -->`;
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the page has no section between ${begin} and ${end}`);
  return `${page.slice(0, from + begin.length)}\n\n${content}\n${page.slice(to)}`;
}

export function writeSection(file: string, section: Section, now: Date): void {
  const page = readFileSync(file, 'utf8');
  writeFileSync(file, replaceSection(page, section.name, renderMarkdown(section, measuredOn(now))));
}
