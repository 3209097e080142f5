/** How the store tool shows what it found: lines for people, JSON for scripts, progress beside both. */

export type OutputFormat = 'text' | 'json';

export interface Output {
  readonly format: OutputFormat;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The result, once: `value` as JSON, or `lines`. */
export function report(output: Output, value: object, lines: readonly string[]): void {
  if (output.format === 'json') output.out(`${JSON.stringify(value, undefined, 2)}\n`);
  else for (const line of lines) output.out(`${line}\n`);
}

const progressEveryMs = 1_000;

/** Says how far the work is, once a second and not before the first one has passed. */
export function progressOf(output: Output, verb: string, nowMs: () => number): (bytes: number) => void {
  let nextMs = nowMs() + progressEveryMs;
  return (bytes) => {
    if (nowMs() < nextMs) return;
    nextMs = nowMs() + progressEveryMs;
    output.err(`${verb} ${sizeInWords(bytes)} ...\n`);
  };
}

export function sizeInWords(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = bytes;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 || size >= 100 ? size.toFixed(0) : size.toFixed(1)} ${units[unit] ?? ''}`;
}

export function countInWords(count: number, noun: string): string {
  return `${count.toLocaleString('en')} ${noun}${count === 1 ? '' : 's'}`;
}
