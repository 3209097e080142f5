/** From single checks to a verdict: so many in a row make it change. Pure. */
export type Verdict = 'success' | 'failure' | 'unknown';

export interface ProbeState {
  readonly verdict: Verdict;
  /** How many checks in a row went the same way. */
  readonly run: number;
  readonly lastOk: boolean | undefined;
}

export const initialProbeState: ProbeState = { verdict: 'unknown', run: 0, lastOk: undefined };

export interface Thresholds {
  readonly success: number;
  readonly failure: number;
}

export function advanceProbe(state: ProbeState, ok: boolean, thresholds: Thresholds): ProbeState {
  const run = state.lastOk === ok ? state.run + 1 : 1;
  const enough = run >= (ok ? thresholds.success : thresholds.failure);
  return { verdict: enough ? (ok ? 'success' : 'failure') : state.verdict, run, lastOk: ok };
}
