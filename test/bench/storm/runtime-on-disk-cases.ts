/** The whole node on the slow disk: images, containers and the folders of pods; and its reboot. */
import { services } from '../../../api/resources.js';
import { namespace } from '../pod-watch.js';
import { runStorm, Storm } from './run-storm.js';
import type { StormOutcome } from './run-storm.js';
import { carried, check } from './storm-case.js';
import type { CaseResult, StormCase } from './storm-case.js';
import { dropCaches } from './storm-disk.js';
import { adaptive } from './storm-machine.js';
import type { StormMachine } from './storm-machine.js';
import { mebibyte, stormPods } from './storm-pod.js';
import type { StormPod } from './storm-pod.js';

const rate = 20 * mebibyte;

async function wholeNode(machine: StormMachine): Promise<CaseResult> {
  await machine.disk.prepare(stormPods(100));
  await dropCaches();
  const outcome = await runStorm(machine, { pods: stormPods(100), rate, stopAfterMs: 150_000 });
  const { createP95Seconds, failedCalls } = outcome;
  return {
    checks: [
      ...carried(outcome, 1.05),
      check('CreateContainer p95', `${createP95Seconds.toFixed(2)} s`, '< 1 s', createP95Seconds < 1),
      check('calls of the runtime that failed', String(failedCalls), '0', failedCalls === 0),
    ],
    storms: { 'whole-node': outcome },
  };
}

const needed = ['registry', 'database'] as const;

/** Pods of the case in which one thing needs another: an application that finds no database ends, and is restarted. */
function applications(): StormPod[] {
  const after = needed.map((name) => `service/${name}`).join(',');
  const ask = needed.map((name) => {
    const host = `$${name.toUpperCase()}_SERVICE_HOST`;
    return `run nc -w 5 ${host} 8080 </dev/null >/dev/null || exit 1`;
  });
  return stormPods(58, {
    name: 'application',
    annotations: { 'startup.knarr.io/after': after },
    needs: ask.join('\n'),
  });
}

async function reboot(machine: StormMachine): Promise<CaseResult> {
  const client = machine.watch.client.resource(services);
  for (const name of needed)
    await client.create({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name, namespace },
      spec: { selector: { app: name }, ports: [{ port: 8080, protocol: 'TCP' }] },
    });
  const [registry, database] = needed.map((name): StormPod => {
    return { name, megabytes: 16, work: 'read', delaySeconds: 0, labels: { app: name } };
  });
  if (registry === undefined || database === undefined) throw new Error('there is no pod');
  await settle(machine, [database]);
  const alone = await rebootWith(machine, [database]);
  const all = [registry, database, ...applications()];
  await settle(machine, [registry]);
  await settle(machine, all.slice(needed.length));
  const outcome = await rebootWith(machine, all);
  const later = machine.watch.client.resource(services);
  for (const name of needed) await later.delete({ namespace, name });
  return {
    checks: [...carried(outcome, 1.1), ...databaseFirst(outcome, alone)],
    storms: { reboot: outcome, 'reboot alone': alone },
  };
}

function databaseFirst({ readySeconds }: StormOutcome, alone: StormOutcome): CaseResult['checks'] {
  const { database = Infinity, ...others } = readySeconds;
  const first = Math.min(
    ...Object.entries(others).flatMap(([name, at]) => (name === 'registry' ? [] : [at])),
  );
  return [
    check(
      'database ready',
      `${database.toFixed(1)} s`,
      `before all applications (${first.toFixed(1)} s)`,
      database < first,
    ),
    check(
      `database ready, ${alone.seconds.toFixed(1)} s alone`,
      `${(database / alone.seconds).toFixed(2)} ×`,
      '<= 1.5 ×',
      database <= alone.seconds * 1.5,
    ),
  ];
}

/** Creates pods and waits until all are ready, on a disk without a limit. */
async function settle(machine: StormMachine, created: readonly StormPod[]): Promise<void> {
  const plan = { pods: created, rate: undefined, stopAfterMs: 90_000 };
  const { ready } = await runStorm(machine, plan);
  if (ready < created.length)
    throw new Error(`${ready} of ${created.length} pods were ready before the reboot`);
}

/** Takes the node down, lets the machine forget what it has read, and brings the node up again. */
async function rebootWith(machine: StormMachine, pods: readonly StormPod[]): Promise<StormOutcome> {
  await machine.down();
  await dropCaches();
  const storm = Storm.beginCold(machine, { pods, rate, stopAfterMs: 120_000 });
  const up = machine.cluster.knarr('up');
  up.catch(() => undefined); // Told of by the storm that waits for it.
  await machine.watchPods();
  return storm.watch(async () => {
    await up;
  });
}

function onDisk(name: string, about: string, run: (machine: StormMachine) => Promise<CaseResult>): StormCase {
  return {
    name,
    about,
    isRuntimeOnDisk: true,
    run: async (machine) => {
      await machine.setMode(adaptive);
      return run(machine);
    },
  };
}

export const runtimeOnDiskCases: readonly StormCase[] = [
  onDisk('whole-node', 'Images, containers and pods on the slow disk, 100 pods.', wholeNode),
  onDisk(
    'reboot',
    'A registry and a database, 58 applications that need them; the node goes down, caches are dropped, and it comes back.',
    reboot,
  ),
];
