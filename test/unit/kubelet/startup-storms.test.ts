/** Crowds of starts on shared disks, simulated, with the real controller and the real order. */
import t from 'tap';
import { adaptive } from '../../../kubelet/startup/controllers/adaptive.js';
import { fixedLimit } from '../../../kubelet/startup/controllers/fixed-limit.js';
import { simulate } from '../../support/startup-simulator.js';
import type {
  Phase,
  SimulatedDevice,
  SimulatedPod,
  Storm,
  StormResult,
} from '../../support/startup-simulator.js';
import { idealMs, mebibyte, randomStorm } from '../../support/startup-storms.js';

/** `STORM_SEED=17` runs that storm alone; its course is printed. */
const only = Number(process.env['STORM_SEED'] ?? 0);
const storms = 1000;

interface Crowd {
  readonly count: number;
  readonly mebibytes?: number | readonly number[];
  readonly computeMs?: number;
  readonly deadlineMs?: number | undefined;
  readonly create?: readonly Phase[];
  readonly prefix?: string;
  readonly device?: string;
  readonly more?: Partial<SimulatedPod>;
}

function crowd({
  count,
  mebibytes = 16,
  computeMs = 0,
  prefix = 'pod',
  device = 'disk',
  ...rest
}: Crowd): SimulatedPod[] {
  const { deadlineMs = 15_000, create = [{ on: 'cpu', amount: 100 }], more = {} } = rest;
  return Array.from({ length: count }, (_, at) => {
    const size = typeof mebibytes === 'number' ? mebibytes : (mebibytes[at % mebibytes.length] ?? 0);
    const start = [
      { on: 'wait', amount: computeMs },
      { on: device, amount: size * mebibyte },
    ];
    return { name: `${prefix}-${String(at)}`, arriveAtMs: 0, create, start, deadlineMs, ...more };
  });
}

function disk(rate: number, more: Partial<SimulatedDevice> = {}): SimulatedDevice {
  return { key: 'disk', rates: [{ fromMs: 0, bytesPerSecond: rate * mebibyte }], ...more };
}

function storm(
  pods: readonly SimulatedPod[],
  devices: readonly SimulatedDevice[],
  more: Partial<Storm> = {},
): Storm {
  return { seed: 1, noise: 0.15, pods, devices, controller: adaptive(), untilMs: 3_600_000, ...more };
}

/** As the measurements before anything was built were made. */
const asMeasured = {
  backoff: { initialMs: 2500, maxMs: 150_000, jitter: 0 },
  readinessPeriodMs: 100,
  spareForMs: 0,
  noise: 0,
};

void t.test('the simulator agrees with what was measured on a throttled disk', (t) => {
  const sixty = [crowd({ count: 60 }), [disk(20)]] as const;
  const open = simulate(storm(...sixty, { ...asMeasured, controller: undefined, untilMs: 200_000 }));
  t.ok(
    open.readyAtMs.size < 10,
    `without a gate ${String(open.readyAtMs.size)} are ready after 200 s; measured 5`,
  );
  t.ok(open.kills > 200, `and ${String(open.kills)} were killed; measured 289`);
  const eight = simulate(storm(...sixty, { ...asMeasured, controller: fixedLimit(8) }));
  t.equal(eight.kills, 0);
  t.ok(Math.abs((eight.allReadyMs ?? 0) - 48_400) < 3000, `${String(eight.allReadyMs)} ms; measured 48.4 s`);
  const slow = storm(crowd({ count: 20 }), [disk(5)], { ...asMeasured, controller: fixedLimit(8) });
  const never = simulate({ ...slow, untilMs: 140_000 });
  t.equal(never.readyAtMs.size, 0);
  t.ok(never.kills > 50 && never.kills < 80, `${String(never.kills)} were killed; measured 65`);
  t.strictSame(simulate(slow), simulate(slow), 'the same seed goes the same way');
  t.end();
});

void t.test('a thousand random storms', { timeout: 300_000 }, (t) => {
  const seeds = only > 0 ? [only] : Array.from({ length: storms }, (_, at) => at + 1);
  const wrong: string[] = [];
  for (const seed of seeds) {
    const given = randomStorm(seed);
    const result = simulate({ ...given, untilMs: 3_600_000 });
    const ratio = (result.allReadyMs ?? Infinity) / idealMs(given);
    if (ratio <= 1.25 && result.kills === 0 && isInOrder(given, result)) continue;
    const what = `${ratio.toFixed(2)} times the ideal, ${String(result.kills)} kills`;
    wrong.push(`seed ${String(seed)}: ${what}; again: STORM_SEED=${String(seed)} npm test -- startup-storms`);
    if (only > 0) t.comment(courseOf(result));
  }
  t.strictSame(wrong, [], 'all are ready within 1.25 of the ideal, and nothing is killed');
  t.end();
});

/** Nobody starts before what it must come after, and nobody twice. */
function isInOrder({ pods }: Storm, { admitted, readyAtMs }: StormResult): boolean {
  const admittedAtMs = new Map(admitted.map(({ name, atMs }) => [name, atMs]));
  return (
    admitted.length === pods.length &&
    pods.every(({ name, after = [] }) =>
      after.every((before) => (readyAtMs.get(before) ?? Infinity) <= (admittedAtMs.get(name) ?? 0)),
    )
  );
}

function courseOf({ history }: StormResult): string {
  return history
    .map(({ device, limit, sample: { nowMs, held, queued, pressure, utilization, worstDeadlineShare } }) =>
      JSON.stringify({ nowMs, device, limit, held, queued, pressure, utilization, worstDeadlineShare }),
    )
    .join('\n');
}

void t.test('the named cases: how near to the time that the bytes need, with nothing killed', (t) => {
  const quarter: SimulatedDevice = {
    key: 'disk',
    rates: [
      { fromMs: 0, bytesPerSecond: 20 * mebibyte },
      { fromMs: 10_000, bytesPerSecond: 5 * mebibyte },
      { fromMs: 34_000, bytesPerSecond: 20 * mebibyte },
    ],
  };
  const onDisk: Phase[] = [
    { on: 'cpu', amount: 100 },
    { on: 'disk', amount: 0.4 * mebibyte },
  ];
  const mixed = [1, 2, 4, 8, 16, 32, 64, 128];
  const sixty = crowd({ count: 60 });
  // The ideal counts what a single start must wait for, too: the 3 s of computing before the first byte.
  const table: [string, number, Storm][] = [
    ['60 of 16 MiB at 20 MiB/s', 1.05, storm(sixty, [disk(20)])],
    ['20 at 5 MiB/s, nothing retuned', 1.05, storm(crowd({ count: 20 }), [disk(5)])],
    ['the rate a quarter in the middle, and raised again', 1.15, storm(sixty, [quarter])],
    ['3 s of computing before the reads', 1.15, storm(crowd({ count: 60, computeMs: 3000 }), [disk(20)])],
    ['mixed sizes', 1.25, storm(crowd({ count: 60, mebibytes: mixed }), [disk(20)])],
    ['runtime and images on the disk too', 1.05, storm(crowd({ count: 100, create: onDisk }), [disk(20)])],
    ['no deadlines', 1.05, storm(crowd({ count: 60, deadlineMs: Infinity }), [disk(20)])],
    ['without PSI', 1.05, storm(sixty, [disk(20, { hasPressure: false })])],
    ['PSI that is blind', 1.05, storm(sixty, [disk(20, { hasPressure: 'blind' })])],
    ['without diskstats', 1.05, storm(sixty, [disk(20, { hasDiskstats: false })])],
    ['without either', 1.05, storm(sixty, [disk(20, { hasPressure: false, hasDiskstats: false })])],
    ["PSI of the Pods' cgroup", 1.05, storm(sixty, [disk(20)], { hasCgroupPressure: true })],
  ];
  for (const [about, aim, given] of table) {
    const result = simulate(given);
    const ratio = (result.allReadyMs ?? Infinity) / idealMs(given);
    t.ok(ratio <= aim, `${about}: ${ratio.toFixed(3)} times the ideal, aim ${String(aim)}`);
    t.equal(result.kills, 0, `${about}: nothing is killed`);
    t.ok(result.history.every(({ limit }) => Number.isInteger(limit) && limit >= 1));
  }
  t.end();
});

void t.test('a fast disk: starts that need the processors are hardly held back', (t) => {
  const create: Phase[] = [{ on: 'cpu', amount: 200 }];
  const given = storm(crowd({ count: 100, mebibytes: 0.5, create }), [disk(1000)]);
  const open = simulate({ ...given, controller: undefined }).allReadyMs ?? 0;
  const gated = simulate(given).allReadyMs ?? Infinity;
  // It begins with 2 and learns from each start that finishes: about a second, once.
  t.ok(gated <= open * 1.03 + 1000, `${String(gated)} ms, without a gate ${String(open)} ms`);
  t.end();
});

void t.test('sparing who makes progress saves what the limit cannot', (t) => {
  const huge = storm(crowd({ count: 6, mebibytes: 128, deadlineMs: 5000 }), [disk(20)]);
  const spared = simulate(huge);
  t.equal(spared.kills, 0);
  t.ok(spared.spared > 0);
  t.ok((spared.allReadyMs ?? Infinity) <= 1.15 * idealMs(huge));
  const killed = simulate({ ...huge, spareForMs: 0, untilMs: 600_000 });
  t.equal(killed.readyAtMs.size, 0, 'alone on the disk each needs 6.4 s, and has 5');
  t.end();
});

void t.test('a pod that never gets ready, a pod on another disk, a critical pod that comes late', (t) => {
  const twenty = crowd({ count: 20 });
  const stuck = crowd({ count: 2, prefix: 'stuck', mebibytes: 1, more: { isNeverReady: true } });
  const never = simulate(storm([...stuck, ...twenty], [disk(20)]));
  t.ok(
    (never.allReadyMs ?? Infinity) < 20_000,
    `the queue goes on: ${String(never.allReadyMs)} ms for 16 s of bytes`,
  );

  const fast = { ...disk(500), key: 'fast' };
  const elsewhere = crowd({ count: 1, prefix: 'other', device: 'fast', more: { arriveAtMs: 3000 } });
  const other = simulate(storm([...twenty, ...elsewhere], [disk(20), fast]));
  t.equal(other.admitted.find(({ name }) => name === 'other-0')?.waitedMs, 0, 'it is not delayed');

  const critical = crowd({ count: 1, prefix: 'critical', more: { arriveAtMs: 5000, isCritical: true } });
  const late = simulate(storm([...twenty, ...critical], [disk(20)]));
  const next = late.admitted.find(({ atMs }) => atMs >= 5000);
  t.equal(next?.name, 'critical-0', 'it is the next');
  t.end();
});

void t.test('a registry and a database first, 58 applications that need them', (t) => {
  const first = (prefix: string, after: string[]): SimulatedPod[] =>
    crowd({ count: 1, prefix, mebibytes: 64, more: { after } });
  const applications = crowd({ count: 58, prefix: 'app', more: { after: ['registry-0', 'database-0'] } });
  const given = storm(
    [...applications, ...first('database', ['registry-0']), ...first('registry', [])],
    [disk(20)],
  );
  const result = simulate(given);
  t.strictSame(
    result.admitted.slice(0, 2).map(({ name }) => name),
    ['registry-0', 'database-0'],
  );
  const alone = idealMs(storm([...first('database', ['registry-0']), ...first('registry', [])], [disk(20)]));
  t.ok((result.readyAtMs.get('database-0') ?? Infinity) <= 1.5 * alone);
  t.ok((result.allReadyMs ?? Infinity) <= 1.1 * idealMs(given), `${String(result.allReadyMs)} ms`);
  t.equal(result.kills, 0);
  t.end();
});

void t.test('a kubelet that comes back in the middle loses nobody and starts nobody twice', (t) => {
  const given = storm(crowd({ count: 30 }), [disk(20)], { restartKubeletAtMs: 9000 });
  const result = simulate(given);
  t.equal(result.readyAtMs.size, 30);
  t.equal(new Set(result.admitted.map(({ name }) => name)).size, result.admitted.length);
  t.equal(result.kills, 0);
  t.ok((result.allReadyMs ?? Infinity) <= 1.15 * idealMs(given));
  t.end();
});
