/**
 * What a person sees: short lines, colours only where there is a terminal. With `--output json` the result alone
 * goes to standard output and everything else to standard error.
 */
export type OutputFormat = 'text' | 'json';

export interface TerminalOptions {
  readonly format: OutputFormat;
  readonly colours: boolean;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** How much fits on it now; absent, or undefined, where standard output is no terminal. */
  readonly size?: () => TerminalSize | undefined;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export type Colour = 'green' | 'yellow' | 'red' | 'dim' | 'bold';
const codes: Readonly<Record<Colour, string>> = { green: '32', yellow: '33', red: '31', dim: '2', bold: '1' };

export class Terminal {
  readonly format: OutputFormat;
  readonly #options: TerminalOptions;

  constructor(options: TerminalOptions) {
    this.format = options.format;
    this.#options = options;
  }

  /** A line for people. */
  line(text = ''): void {
    (this.format === 'json' ? this.#options.err : this.#options.out)(`${text}\n`);
  }

  /** The result: `value` for scripts, or what `text` prints for people. Never both. */
  result(value: unknown, text?: () => void): void {
    if (this.format === 'json') this.#options.out(`${JSON.stringify(value, undefined, 2)}\n`);
    else text?.();
  }

  /** As it is, to standard output: for what is drawn, and for one document after the other. */
  raw(text: string): void {
    this.#options.out(text);
  }

  size(): TerminalSize | undefined {
    return this.#options.size?.();
  }

  error(text: string): void {
    this.#options.err(`${this.colour('red', 'knarr:')} ${text}\n`);
  }

  colour(name: Colour, text: string): string {
    return this.#options.colours ? `\u001b[${codes[name]}m${text}\u001b[0m` : text;
  }

  table(rows: readonly (readonly string[])[]): void {
    for (const line of alignColumns(rows)) this.line(line);
  }
}

/** Pads cells so that columns line up; the last column keeps its length. Pure. */
export function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd((widths[column] ?? 0) + 3))
      .join('')
      .trimEnd(),
  );
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

/** `5s`, `3m12s`, `4h5m`, `2d3h`: as kubectl prints ages. */
export function age(ms: number): string {
  const total = Math.max(0, Math.floor(ms / 1000));
  const [days, hours, minutes, secs] = [
    Math.floor(total / 86_400),
    Math.floor(total / 3600) % 24,
    Math.floor(total / 60) % 60,
    total % 60,
  ];
  if (days > 0) return `${String(days)}d${hours > 0 ? `${String(hours)}h` : ''}`;
  if (hours > 0) return `${String(hours)}h${minutes > 0 ? `${String(minutes)}m` : ''}`;
  if (minutes > 0) return `${String(minutes)}m${secs > 0 ? `${String(secs)}s` : ''}`;
  return `${String(secs)}s`;
}
