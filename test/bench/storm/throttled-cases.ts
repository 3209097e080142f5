/** Storms on a throttled disk: the collapse without a gate, and what the gate makes of the same. */
import { runStorm } from './run-storm.js';
import type { StormPlan } from './run-storm.js';
import { carried, check } from './storm-case.js';
import type { StormCase } from './storm-case.js';
import { adaptive, gateOff } from './storm-machine.js';
import type { GateMode } from './storm-machine.js';
import { mebibyte, stormPods } from './storm-pod.js';

/** The storm of the first two cases: 60 × 16 MiB over 20 MiB/s. */
export const storm: StormPlan = { pods: stormPods(60), rate: 20 * mebibyte, stopAfterMs: 90_000 };
/** A slower disk, and fewer pods: nobody tells the gate. */
export const slowStorm: StormPlan = { pods: stormPods(20), rate: 5 * mebibyte, stopAfterMs: 150_000 };

/** Sizes in turn: as many small pods as large ones. */
const mixedSizes = [1, 2, 4, 8, 16, 32, 64, 128];
const mixed = stormPods(32).map((pod, i) => ({ ...pod, megabytes: mixedSizes[i % mixedSizes.length] ?? 1 }));

function throttled(
  name: string,
  about: string,
  plan: StormPlan,
  factor: number,
  mode: GateMode = adaptive,
): StormCase {
  return {
    name,
    about,
    isRuntimeOnDisk: false,
    run: async (machine) => {
      await machine.setMode(mode);
      const outcome = await runStorm(machine, plan);
      return { checks: carried(outcome, factor), storms: { [name]: outcome } };
    },
  };
}

const collapse: StormCase = {
  name: 'gate-off',
  about: '60 pods read 16 MiB each over 20 MiB/s, and nobody holds them back: stopped after 90 s.',
  isRuntimeOnDisk: false,
  run: async (machine) => {
    await machine.setMode(gateOff);
    const outcome = await runStorm(machine, storm);
    const { ready, kills } = outcome;
    return {
      checks: [
        check('ready', `${ready} of ${outcome.pods}`, '< 10', ready < 10),
        check('kills', String(kills), '> 100', kills > 100),
      ],
      storms: { 'gate-off': outcome },
    };
  },
};

export const throttledCases: readonly StormCase[] = [
  collapse,
  throttled('gate-on', 'The same 60 pods, admitted by the gate.', storm, 1.05),
  throttled('slow-disk', '20 pods over 5 MiB/s, with nothing told to the gate.', slowStorm, 1.05),
  throttled(
    'rate-change',
    'The 60 pods, and the disk falls to a quarter after 15 s and rises again after 35 s.',
    {
      ...storm,
      stopAfterMs: 150_000,
      changes: [
        { atMs: 15_000, rate: 5 * mebibyte },
        { atMs: 35_000, rate: 20 * mebibyte },
      ],
    },
    1.15,
  ),
  throttled(
    'late-readers',
    '60 pods do other things for 3 s before they read 16 MiB each.',
    { ...storm, pods: stormPods(60, { delaySeconds: 3 }) },
    1.15,
  ),
  throttled('mixed-sizes', '32 pods read 1 to 128 MiB, 1,020 MiB in all.', { ...storm, pods: mixed }, 1.15),
  throttled(
    'copy',
    '60 pods copy 16 MiB each and wait until it is on the disk.',
    { ...storm, pods: stormPods(60, { work: 'copy' }) },
    1.15,
  ),
];

/** The same storms under limits that somebody would have to know beforehand. */
export function fixedCases(limits: readonly number[]): StormCase[] {
  const cases = limits.flatMap((fixedLimit) => [
    throttled(
      `gate-on@${fixedLimit}`,
      `The 60 pods over 20 MiB/s, ${fixedLimit} at a time.`,
      { ...storm, stopAfterMs: 75_000 },
      1.05,
      { mode: 'Fixed', fixedLimit },
    ),
    throttled(
      `slow-disk@${fixedLimit}`,
      `The 20 pods over 5 MiB/s, ${fixedLimit} at a time.`,
      { ...slowStorm, stopAfterMs: 100_000 },
      1.05,
      { mode: 'Fixed', fixedLimit },
    ),
    throttled(
      `copy@${fixedLimit}`,
      `The 60 pods that copy, ${fixedLimit} at a time.`,
      { ...storm, pods: stormPods(60, { work: 'copy' }), stopAfterMs: 100_000 },
      1.15,
      { mode: 'Fixed', fixedLimit },
    ),
  ]);
  return cases.map((one) => ({ ...one, isForComparison: true }));
}
