/** A column of `kubectl get`: its header and how its cell is made. */
import type { KubernetesObject } from '../objects.js';
import { humanAge } from './human-duration.js';

export type Cell = string | number | boolean | null;

export interface Column<T extends KubernetesObject> {
  readonly name: string;
  readonly type: 'string' | 'integer' | 'number' | 'boolean' | 'date';
  readonly format?: string;
  readonly description: string;
  /** 0 (the default) is always shown, more only by `-o wide`. */
  readonly priority?: number;
  /** `nowMs` in milliseconds since the epoch. */
  readonly cell: (object: T, nowMs: number) => Cell;
}

/** What stands in a cell for nothing. */
export const none = '<none>';
export const unknown = '<unknown>';

export function orNone(value: string | undefined): string {
  return value === undefined || value === '' ? none : value;
}

export const nameColumn: Column<KubernetesObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: 'Name of the object, unique within its kind and namespace',
  cell: ({ metadata }) => metadata.name,
};

export const ageColumn: Column<KubernetesObject> = {
  name: 'Age',
  type: 'string',
  description: 'Time since the object was created',
  cell: ({ metadata }, nowMs) => humanAge(metadata.creationTimestamp, nowMs),
};

/** `a=b,c=d` in the order of keys. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const pairs = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  return pairs.length === 0 ? none : pairs.map(([key, value]) => `${key}=${value}`).join(',');
}

/** At most `max` of these, joined by commas, and how many more there are. */
export function formatSome(values: readonly string[], max: number, whenEmpty: string): string {
  if (values.length === 0) return whenEmpty;
  const shown = values.slice(0, max).join(',');
  return values.length > max ? `${shown} + ${String(values.length - max)} more...` : shown;
}

/** `10.0.0.1:80`, `[fd00::1]:80`. */
export function joinHostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${String(port)}` : `${host}:${String(port)}`;
}
