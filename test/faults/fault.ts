/** What a fault is, and which of them a round gets. */
import { pickSome } from './choose.js';
import type { Random } from './choose.js';

/** How far the farthest follower has seen all events: who forgets more than that takes the proof away, too. */
export type Observed = () => number;

export interface Fault {
  /** As it is named on the command line and in the summary. */
  readonly name: string;
  /** Does the harm, and returns how to end it. Both may be called whatever else is broken at the time. */
  inflict(random: Random, observed: Observed): Promise<() => Promise<void>>;
}

/** One or two different faults, so that in many rounds each of them and each pair has its turn. */
export function faultsOf(faults: readonly Fault[], random: Random): readonly Fault[] {
  return pickSome(random, faults, random() < 0.6 ? 1 : 2);
}
