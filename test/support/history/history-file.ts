/** A history as a file, to be looked into and checked again. */
import { readFileSync, writeFileSync } from 'node:fs';
import type { History } from './history.js';

/** Maps become lists of their entries under one key, which no object of a history has. */
const mapKey = 'entries of a map';

export function writeHistory(file: string, history: History): void {
  writeFileSync(
    file,
    JSON.stringify(history, (_, value: unknown) => (value instanceof Map ? { [mapKey]: [...value] } : value)),
  );
}

/** Throws when it is no such file. */
export function readHistory(file: string): History {
  const history = JSON.parse(readFileSync(file, 'utf8'), (_, value: unknown) =>
    typeof value === 'object' && value !== null && mapKey in value
      ? new Map(value[mapKey] as [string, unknown][])
      : value,
  ) as Partial<History>;
  if (
    !Array.isArray(history.operations) ||
    !Array.isArray(history.watches) ||
    !(history.startState instanceof Map)
  )
    throw new Error(`${file} holds no history`);
  return history as History;
}
