/** What a case of the proof is: what it does, where, and what must come of it. */
import type { StormMachine } from './storm-machine.js';
import type { StormOutcome } from './run-storm.js';

export interface StormCase {
  readonly name: string;
  /** One sentence for people. */
  readonly about: string;
  /** Whether images, containers and the kubelet's folders lie on the throttled disk as well. */
  readonly isRuntimeOnDisk: boolean;
  /** Its checks are told, but are no aims. */
  readonly isForComparison?: boolean;
  run(machine: StormMachine): Promise<CaseResult>;
}

export interface CaseResult {
  readonly checks: readonly Check[];
  /** The storms of the case by name; most have one. */
  readonly storms: Readonly<Record<string, StormOutcome>>;
}

/** One thing that was to be shown. */
export interface Check {
  readonly what: string;
  readonly found: string;
  readonly aim: string;
  readonly passed: boolean;
}

export function check(what: string, found: string, aim: string, passed: boolean): Check {
  return { what, found, aim, passed };
}

/** All ready in at most so many times what the disk needs, and nothing killed. */
export function carried(storm: StormOutcome, factor: number): Check[] {
  const { pods, ready, kills, seconds, idealSeconds } = storm;
  return [
    check('ready', `${ready} of ${pods}`, 'all', ready === pods),
    check('kills', String(kills), '0', kills === 0),
    ...(idealSeconds === undefined
      ? []
      : [
          check(
            `time against ${idealSeconds.toFixed(1)} s of the disk`,
            `${seconds.toFixed(1)} s, ${(seconds / idealSeconds).toFixed(3)} ×`,
            `<= ${factor} ×`,
            ready === pods && seconds <= idealSeconds * factor,
          ),
        ]),
  ];
}
