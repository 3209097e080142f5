/** What must not hold up a queue, and who goes first in it. */
import { join } from 'node:path';
import type { StartupReport } from '../../../api/startup-report.js';
import { readStartupReport } from '../../../api/read-startup-report.js';
import { priorityClasses } from '../../../api/resources.js';
import { GrpcRuntime } from '../../../kubelet/cri/grpc-runtime.js';
import { until } from '../../support/until.js';
import { runStorm } from './run-storm.js';
import type { StormOutcome } from './run-storm.js';
import { carried, check } from './storm-case.js';
import type { CaseResult, Check, StormCase } from './storm-case.js';
import { fastFolder } from './storm-disk.js';
import { adaptive } from './storm-machine.js';
import type { StormMachine } from './storm-machine.js';
import { mebibyte, stormPods } from './storm-pod.js';
import type { StormPod } from './storm-pod.js';

const stopAfterMs = 120_000;
/** `startupIO.quietPeriod`: a start that has not touched its disk for so long gives its slot on. */
const quietSeconds = 10;

async function neverReady(machine: StormMachine): Promise<CaseResult> {
  const stuck = stormPods(2, { name: 'stuck', isNeverReady: true });
  const plan = { pods: [...stuck, ...stormPods(20).slice(stuck.length)], rate: 20 * mebibyte, stopAfterMs };
  // The queue begins with them, so that they take the first slots.
  const outcome = await runStorm(machine, plan, {
    later: plan.pods.slice(stuck.length),
    meanwhile: async (storm) => {
      await storm.until(() => stuck.every(({ name }) => storm.seen(name).isRunning));
      await machine.create(plan.pods.slice(stuck.length), machine.disk.folders);
    },
  });
  const allowed = (outcome.idealSeconds ?? 0) + quietSeconds + 3;
  const { seconds } = outcome;
  return {
    checks: [
      ...carried(outcome, Infinity).slice(0, 2),
      check('the queue goes on', `${seconds.toFixed(1)} s`, `<= ${allowed.toFixed(1)} s`, seconds <= allowed),
    ],
    storms: { 'never-ready': outcome },
  };
}

async function otherDisk(machine: StormMachine): Promise<CaseResult> {
  const others = stormPods(3, { name: 'other' });
  const folders = await fastFolder(join(machine.cluster.layout.data.root, 'fast'), others);
  const alone = await runStorm(machine, { pods: others, rate: undefined, folders, stopAfterMs });
  await machine.clear();
  const plan = { pods: [...stormPods(20), ...others], rate: 10 * mebibyte, stopAfterMs };
  const times: number[] = [];
  const outcome = await runStorm(machine, plan, {
    later: others,
    meanwhile: async (storm) => {
      await storm.until(() => storm.readyCount >= 2);
      const beginMs = performance.now();
      await machine.create(others, folders);
      for (const { name } of others) {
        await storm.until(() => storm.seen(name).readyMs !== undefined);
        times.push((storm.seen(name).readyMs ?? Infinity) - beginMs);
      }
    },
  });
  const took = Math.max(...times) / 1000;
  const queued = lastReady(outcome, 'storm');
  return {
    checks: [
      ...carried(outcome, Infinity).slice(0, 2),
      check(
        `not delayed: alone they take ${alone.seconds.toFixed(1)} s, the queue ${queued.toFixed(1)} s`,
        `${took.toFixed(1)} s`,
        `<= ${(alone.seconds + 2).toFixed(1)} s`,
        took <= alone.seconds + 2,
      ),
    ],
    storms: { 'other-disk': outcome, 'other-disk alone': alone },
  };
}

function lastReady({ readySeconds }: StormOutcome, prefix: string): number {
  const times = Object.entries(readySeconds).flatMap(([name, time]) =>
    name.startsWith(prefix) ? [time] : [],
  );
  return Math.max(...times);
}

async function criticalLate(machine: StormMachine): Promise<CaseResult> {
  const [critical] = stormPods(1, { name: 'critical', priorityClassName: 'system-node-critical' });
  if (critical === undefined) throw new Error('there is no pod');
  const plan = { pods: [...stormPods(24), critical], rate: 20 * mebibyte, stopAfterMs };
  let place: number | undefined;
  const outcome = await runStorm(machine, plan, {
    later: [critical],
    meanwhile: async (storm) => {
      await storm.until(() => storm.readyCount >= 6);
      await machine.create([critical], machine.disk.folders);
      place = await until('the kubelet knows it', () => placeOf(machine, critical.name), 20_000);
    },
  });
  return {
    checks: [
      ...carried(outcome, 1.15),
      check(
        'its place in the queue when it came',
        place === 0 ? 'admitted at once' : String(place),
        '1',
        (place ?? 2) <= 1,
      ),
    ],
    storms: { 'critical-late': outcome },
  };
}

/** 0: admitted; undefined: the kubelet does not know it. */
async function placeOf(machine: StormMachine, name: string): Promise<number | undefined> {
  const { starts, queue } = await readReport(machine);
  if (starts.some((start) => start.name === name)) return 0;
  return queue.find((queued) => queued.name === name)?.place;
}

/** Names of those that wait for a slot. */
async function namesInQueue(machine: StormMachine): Promise<string[]> {
  return (await readReport(machine)).queue.map(({ name }) => name);
}

async function readReport(machine: StormMachine): Promise<StartupReport> {
  return readStartupReport(JSON.parse(await machine.askKubelet('/startup')) as unknown);
}

const important = 'storm-important';

async function kubeletKilled(machine: StormMachine): Promise<CaseResult> {
  await machine.watch.client.resource(priorityClasses).create({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: important },
    value: 1000,
  });
  const plain = stormPods(14, { name: 'plain' });
  const first = stormPods(28, { name: 'important', priorityClassName: important }).slice(plain.length);
  const plan = { pods: [...plain, ...first], rate: 20 * mebibyte, stopAfterMs };
  let waiting: readonly string[] = [];
  const outcome = await runStorm(machine, plan, {
    meanwhile: async (storm) => {
      await storm.until(() => storm.readyCount >= 6);
      await machine.restartKubelet('SIGKILL');
      waiting = await until(
        'the queue is back',
        async () => {
          const names = await namesInQueue(machine);
          return names.length > 0 && names;
        },
        20_000,
      );
    },
  });
  await machine.watch.client.resource(priorityClasses).delete({ name: important });
  return {
    checks: [
      ...carried(outcome, 1.25),
      ...(await countContainers(machine, plan.pods)),
      inOrder(outcome, waiting),
    ],
    storms: { 'kubelet-killed': outcome },
  };
}

/** Everybody important that waited when the kubelet came back started before everybody else that did. */
function inOrder({ runningSeconds }: StormOutcome, waiting: readonly string[]): Check {
  const times = (prefix: string): number[] =>
    waiting.filter((name) => name.startsWith(prefix)).map((name) => runningSeconds[name] ?? Infinity);
  const lastImportant = Math.max(...times('important'));
  const early = times('plain').filter((time) => time < lastImportant).length;
  return check(
    `of ${times('plain').length} plain pods that waited, those that started before an important one`,
    String(early),
    // What was admitted together is not seen to run in that order.
    '<= 2',
    early <= 2,
  );
}

async function countContainers(machine: StormMachine, pods: readonly StormPod[]): Promise<Check[]> {
  const runtime = new GrpcRuntime(`unix://${machine.cluster.layout.run.containerdSocket}`);
  try {
    const containers = (await runtime.listContainers()).filter(({ state }) => state === 'running');
    const sandboxes = await runtime.listPodSandboxes();
    const found = `${containers.length} containers that run, ${sandboxes.length} sandboxes`;
    const passed = containers.length === pods.length && sandboxes.length === pods.length;
    return [check('nothing lost or doubled', found, `${pods.length} of each`, passed)];
  } finally {
    runtime.close();
  }
}

function queueCase(
  name: string,
  about: string,
  run: (machine: StormMachine) => Promise<CaseResult>,
): StormCase {
  return {
    name,
    about,
    isRuntimeOnDisk: false,
    run: async (machine) => {
      await machine.setMode(adaptive);
      return run(machine);
    },
  };
}

export const queueCases: readonly StormCase[] = [
  queueCase('never-ready', 'The first two of 20 pods never get ready.', neverReady),
  queueCase('other-disk', 'Three pods on another disk come while a slow disk has a queue.', otherDisk),
  queueCase('critical-late', 'A critical pod comes when 24 others queue.', criticalLate),
  queueCase(
    'kubelet-killed',
    'The kubelet is killed in the middle of 28 starts of two priorities.',
    kubeletKilled,
  ),
];
