/** What people read of the gate: conditions and Events. Pure. */
import { formatDuration } from '../../common/duration.js';

export interface DeviceInQueue {
  readonly about: string;
  readonly limit: number;
  readonly held: number;
}

/** `place 7 of 41, /dev/sda: 3 start, 3 may` */
export function placeText(place: number, of: number, devices: readonly DeviceInQueue[]): string {
  const shown = devices.map(
    ({ about, held, limit }) => `${about}: ${String(held)} starting, limit ${String(limit)}`,
  );
  return [`place ${String(place)} of ${String(of)}`, ...shown].join('; ');
}

/** `waits for pod/default/db and service/default/registry to be ready` */
export function missingText(missing: readonly string[]): string {
  return `waits for ${list(missing)} to be ready`;
}

export function cycleText(cycle: readonly string[]): string {
  return `its annotations make it wait for itself: ${cycle.join(' must come after ')}`;
}

export function admittedText(waitedMs: number): string {
  return waitedMs < 1000 ? 'started at once' : `started after ${spell(waitedMs)} in the queue`;
}

/** Whole seconds, as people say them. */
export function spell(ms: number): string {
  return formatDuration(Math.round(ms / 1000) * 1000);
}

function list(names: readonly string[]): string {
  const last = names.at(-1) ?? '';
  return names.length <= 1 ? last : `${names.slice(0, -1).join(', ')} and ${last}`;
}
