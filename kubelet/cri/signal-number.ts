/** Signals by the names of CRI and of the API, as numbers of Linux. Pure. */
import { constants } from 'node:os';

/** glibc keeps the first two real-time signals for itself. */
const firstRealTime = 34;
const lastRealTime = 64;

/** `SIGUSR1`, `SIGRTMINPLUS3`, `SIGRTMAXMINUS1`, …; undefined for what is no signal. */
export function signalNumber(name: string): number | undefined {
  const known = (constants.signals as Readonly<Record<string, number>>)[name];
  if (known !== undefined) return known;
  if (name === 'SIGCLD') return constants.signals.SIGCHLD;
  const [, edge, distance = '0'] = /^SIGRT(MIN|MAX)(?:(?:PLUS|MINUS)(\d+))?$/.exec(name) ?? [];
  if (edge === undefined) return undefined;
  return edge === 'MIN' ? firstRealTime + Number(distance) : lastRealTime - Number(distance);
}
