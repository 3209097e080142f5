/** Tables of coloured cells that keep within the width of a terminal. Pure. */

import type { Colour } from '../terminal.js';

export interface Cell {
  readonly text: string;
  readonly tint?: Colour;
}

/** A line, piece by piece: colours come last, so that they do not count as width. */
export type Line = readonly Cell[];

const gap = '  ';
const shortest = 8;

/**
 * Rows as lines with aligned columns. Where `width` is too little, the widest columns are cut, with an ellipsis, and the
 * last one takes what is left.
 */
export function layOut(rows: readonly (readonly Cell[])[], width = Infinity): readonly Line[] {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach(({ text }, column) => (widths[column] = Math.max(widths[column] ?? 0, text.length)));
  const room = width - gap.length * (widths.length - 1);
  while (widths.reduce((sum, one) => sum + one, 0) > room) {
    const widest = widths.indexOf(Math.max(...widths));
    if ((widths[widest] ?? 0) <= shortest) break;
    widths[widest] = (widths[widest] ?? 0) - 1;
  }
  return rows.map((row) =>
    row.map(({ text, ...rest }, column) => {
      const shown = cut(text, widths[column] ?? 0);
      return { ...rest, text: column === row.length - 1 ? shown : shown.padEnd(widths[column] ?? 0) + gap };
    }),
  );
}

export function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
}

/** Whole lines may still be too wide where all columns are at their shortest: a terminal would break them. */
export function cutLine(line: Line, width: number): Line {
  let room = width;
  return line.map((cell) => {
    const text = cut(cell.text, room);
    room = Math.max(0, room - text.length);
    return { ...cell, text };
  });
}
