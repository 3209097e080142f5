/** Ends a process that may not be our child: SIGTERM, patience, SIGKILL. */
import { sleep, systemClock } from '../../common/clock.js';
import { isAlive, signalProcess } from '../supervisor/process-identity.js';
import type { ProcessIdentity } from '../supervisor/process-identity.js';

const pollMs = 15;
/** After SIGKILL only the kernel's own work is left; a process in an endless disk wait is not waited for. */
const killPatienceMs = 5000;

export type StopOutcome = 'stopped' | 'killed' | 'stuck';

export async function stopProcess(identity: ProcessIdentity, patienceMs: number): Promise<StopOutcome> {
  signalProcess(identity, 'SIGTERM');
  if (await hasEnded(identity, patienceMs)) return 'stopped';
  return killProcess(identity);
}

export async function killProcess(identity: ProcessIdentity): Promise<StopOutcome> {
  signalProcess(identity, 'SIGKILL');
  return (await hasEnded(identity, killPatienceMs)) ? 'killed' : 'stuck';
}

async function hasEnded(identity: ProcessIdentity, patienceMs: number): Promise<boolean> {
  const deadline = systemClock.monotonicMs() + patienceMs;
  while (isAlive(identity)) {
    if (systemClock.monotonicMs() > deadline) return false;
    await sleep(systemClock, pollMs);
  }
  return true;
}
