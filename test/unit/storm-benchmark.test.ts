/** The pure parts of the storms: what a disk needs, calls of the runtime by their metrics, the pods, the table. */
import t from 'tap';
import { idealMs } from '../bench/storm/ideal-time.js';
import { callsBetween, quantileOfCalls, readCalls } from '../bench/storm/runtime-calls.js';
import { carried } from '../bench/storm/storm-case.js';
import { bytesOf, dataFileOf, deadlineSeconds, podOf, stormPods } from '../bench/storm/storm-pod.js';
import { summarize } from '../bench/storm/summary.js';
import { startDeadlineMs } from '../../kubelet/startup/order/start-deadline.js';

await t.test('what a disk needs, also when its rate changes', async (t) => {
  const cases: readonly (readonly [number, number, Parameters<typeof idealMs>[2], number])[] = [
    [100, 10, [], 10_000],
    [100, 10, [{ atMs: 20_000, rate: 1 }], 10_000],
    [100, 10, [{ atMs: 5_000, rate: 5 }], 15_000],
    [
      100,
      10,
      [
        { atMs: 5_000, rate: 5 },
        { atMs: 9_000, rate: 30 },
      ],
      10_000,
    ],
  ];
  for (const [bytes, rate, changes, ms] of cases) t.equal(idealMs(bytes, rate, changes), ms);
});

const page = (counts: readonly number[], errors: number): string =>
  [
    '# TYPE kubelet_runtime_operations_duration_seconds histogram',
    ...['0.1', '1', '+Inf'].map(
      (bound, i) =>
        `kubelet_runtime_operations_duration_seconds_bucket{operation_type="create_container",le="${bound}"} ${counts[i] ?? 0}`,
    ),
    'kubelet_runtime_operations_duration_seconds_bucket{operation_type="exec",le="0.1"} 99',
    `kubelet_runtime_operations_errors_total{operation_type="create_container"} ${errors}`,
  ].join('\n');

await t.test('calls of the runtime between two pages of metrics', async (t) => {
  const before = readCalls(page([10, 10, 10], 1), 'create_container');
  const calls = callsBetween(before, readCalls(page([20, 110, 110], 3), 'create_container'));
  t.same(calls.buckets, [
    [0.1, 10],
    [1, 100],
    [Infinity, 100],
  ]);
  t.equal(calls.errors, 2);
  t.equal(quantileOfCalls(calls, 0.05), 0.05);
  t.equal(quantileOfCalls(calls, 0.55).toFixed(3), '0.550');
  t.equal(
    quantileOfCalls(readCalls(page([0, 0, 9], 0), 'create_container'), 0.95),
    1,
    'beyond the last bound',
  );
  t.ok(Number.isNaN(quantileOfCalls(readCalls('', 'create_container'), 0.95)), 'no calls');
});

await t.test(
  'a pod of a storm has the deadline that it is said to have, and a file of its own',
  async (t) => {
    const pods = stormPods(3, { work: 'copy', delaySeconds: 2 });
    t.same(
      pods.map((pod) => dataFileOf(pod)),
      ['000-16', '001-16', '002-16'],
    );
    t.equal(bytesOf(pods), 48 * 1024 * 1024);
    const [first] = pods;
    if (first === undefined) throw new Error('there is no pod');
    const { spec } = podOf(first, { data: '/slow/data', copies: '/slow/copies' });
    t.equal(startDeadlineMs(spec), deadlineSeconds * 1000);
    t.match(
      spec.containers[0]?.command?.[2],
      /sleep 2\nrun dd if=\/data\/000-16 iflag=direct of=\/copies\/storm-000/,
    );
    t.equal(dataFileOf({ ...first, name: 'database' }), 'database-16');
  },
);

await t.test('a verdict and a table', async (t) => {
  const outcome = {
    pods: 2,
    ready: 2,
    kills: 0,
    ends: {},
    seconds: 10.6,
    idealSeconds: 10,
    readBytes: 1024 * 1024,
    writtenBytes: 0,
    createP95Seconds: 0.1,
    failedCalls: 0,
    readySeconds: {},
    runningSeconds: {},
    moments: [],
    history: undefined,
  };
  const passed = (factor: number): boolean[] => carried(outcome, factor).map((check) => check.passed);
  t.same(passed(1.1), [true, true, true]);
  t.same(passed(1.05), [true, true, false]);
  t.same(
    carried({ ...outcome, ready: 1, kills: 3, seconds: 5 }, 2).map((check) => check.passed),
    [false, false, false],
    'too early is not early',
  );
  const run = {
    case: 'a',
    round: 1,
    date: '',
    machine: '',
    checks: carried(outcome, 1.05),
    storms: { a: outcome },
  };
  const section = summarize([run, { ...run, round: 2 }]);
  t.same(section.rows, [['a', '2 of 2', '0', '10.6', '10.0', '1.060', '0.10', '1', '2']]);
  t.match(section.notes, [/^Missed: a, round 1: time against 10\.0 s of the disk was 10\.6 s/]);
});
