/** What the gate costs where nobody needs it. */
import { join } from 'node:path';
import { runStorm } from './run-storm.js';
import type { StormOutcome } from './run-storm.js';
import { carried, check } from './storm-case.js';
import type { CaseResult, StormCase } from './storm-case.js';
import { fastFolder } from './storm-disk.js';
import { adaptive, gateOff } from './storm-machine.js';
import type { GateMode, StormMachine } from './storm-machine.js';
import { stormPods } from './storm-pod.js';

const aim = 1.03;
/** Who is first changes, so that neither always finds the caches warm. */
const order: readonly GateMode[] = [gateOff, adaptive, adaptive, gateOff];

async function run(machine: StormMachine): Promise<CaseResult> {
  const pods = stormPods(100, { megabytes: 1 });
  const folders = await fastFolder(join(machine.cluster.layout.data.root, 'fast'), pods);
  const outcomes: { readonly mode: GateMode; readonly outcome: StormOutcome }[] = [];
  for (const mode of order) {
    await machine.setMode(mode);
    outcomes.push({
      mode,
      outcome: await runStorm(machine, { pods, rate: undefined, folders, stopAfterMs: 90_000 }),
    });
    await machine.clear();
  }
  const mean = (mode: GateMode): number => {
    const times = outcomes.flatMap((one) => (one.mode === mode ? [one.outcome.seconds] : []));
    return times.reduce((sum, time) => sum + time, 0) / times.length;
  };
  const [off, on] = [mean(gateOff), mean(adaptive)];
  return {
    checks: [
      ...outcomes.flatMap(({ outcome }) => carried(outcome, 1)).filter(({ passed }) => !passed),
      check(
        'with the gate',
        `${on.toFixed(2)} s, ${(on / off).toFixed(3)} ×`,
        `<= ${aim} × ${off.toFixed(2)} s`,
        on <= off * aim,
      ),
    ],
    storms: Object.fromEntries(outcomes.map(({ mode, outcome }, i) => [`${mode.mode} ${i + 1}`, outcome])),
  };
}

export const fastDiskCase: StormCase = {
  name: 'fast-disk',
  about: '100 pods on a disk without a limit, with and without the gate in turn.',
  isRuntimeOnDisk: false,
  run,
};
