/** Durations and ages as kubectl users read them: `45s`, `3m20s`, `26h`, `5d3h`, `2y40d`. */

const second = 1000;
const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/**
 * A duration in milliseconds with at most two units, the coarser the longer it is. Up to two seconds into the future are
 * taken for clocks that disagree.
 */
export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / second);
  if (seconds < -1) return '<invalid>';
  if (seconds <= 0) return '0s';
  if (seconds < 2 * minute) return `${String(seconds)}s`;
  if (seconds < 10 * minute) return twoUnits(seconds, minute, 'm', 1, 's');
  if (seconds < 3 * hour) return oneUnit(seconds, minute, 'm');
  if (seconds < 8 * hour) return twoUnits(seconds, hour, 'h', minute, 'm');
  if (seconds < 2 * day) return oneUnit(seconds, hour, 'h');
  if (seconds < 8 * day) return twoUnits(seconds, day, 'd', hour, 'h');
  if (seconds < 2 * year) return oneUnit(seconds, day, 'd');
  if (seconds < 8 * year) return twoUnits(seconds, year, 'y', day, 'd');
  return oneUnit(seconds, year, 'y');
}

function oneUnit(seconds: number, unit: number, name: string): string {
  return `${String(Math.floor(seconds / unit))}${name}`;
}

function twoUnits(seconds: number, unit: number, name: string, minor: number, minorName: string): string {
  const rest = Math.floor((seconds % unit) / minor);
  return oneUnit(seconds, unit, name) + (rest === 0 ? '' : `${String(rest)}${minorName}`);
}

/** How long ago an RFC 3339 time was; `<unknown>` for an absent one. */
export function humanAge(time: string | undefined, nowMs: number): string {
  if (time === undefined || time === '') return '<unknown>';
  return humanDuration(nowMs - Date.parse(time));
}
