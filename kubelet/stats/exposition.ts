/** The Prometheus text format, for values that carry the time at which they were measured. Pure. */

export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number | undefined;
  /** Milliseconds since the epoch; left out: the time of the scrape. */
  readonly timestampMs?: number;
}

export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge';
  readonly help: string;
  readonly series: readonly Series[];
}

/** Families without a value are left out. */
export function expose(families: readonly Family[]): string {
  return families
    .map(({ name, type, help, series }) => {
      const lines = series.flatMap(({ labels, value, timestampMs }) => {
        if (value === undefined) return [];
        const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escape(text)}"`);
        const named = pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
        return [
          `${named} ${String(value)}${timestampMs === undefined ? '' : ` ${String(Math.round(timestampMs))}`}\n`,
        ];
      });
      return lines.length === 0 ? '' : `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`;
    })
    .join('');
}

function escape(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');
}
