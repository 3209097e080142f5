/** How many starts one device carries, by the samples. */
import t from 'tap';
import { controllerFor } from '../../../kubelet/startup/controllers/registry.js';
import type {
  ControllerState,
  StartupController,
  StartupSample,
} from '../../../kubelet/startup/controllers/controller.js';

const quiet: Omit<StartupSample, 'nowMs' | 'held'> = {
  elapsedMs: 500,
  pressure: 0,
  utilization: 0,
  awaitMs: undefined,
  requestsInFlight: 0,
  bytesPerSecond: 0,
  queued: 100,
  completions: [],
  failures: 0,
  worstDeadlineShare: 0,
  smallestDeadlineMs: 15_000,
  slowestCallMs: 0,
};
const options = { fixedLimit: 8, initialLimit: 2, maxLimit: 0 };
const done = [{ durationMs: 1000 }];

/** The states after each sample, one every 500 ms; all slots are taken unless it says otherwise. */
function run(controller: StartupController, samples: readonly Partial<StartupSample>[]): ControllerState[] {
  const states = [controller.begin()];
  for (const [at, sample] of samples.entries()) {
    const before = states.at(-1) ?? controller.begin();
    states.push(controller.step(before, { ...quiet, nowMs: (at + 1) * 500, held: before.limit, ...sample }));
  }
  return states;
}

function limits(samples: readonly Partial<StartupSample>[], more: Partial<typeof options> = {}): number[] {
  return run(controllerFor('Adaptive', { ...options, ...more }), samples).map(({ limit }) => limit);
}

function times(count: number, sample: Partial<StartupSample>): Partial<StartupSample>[] {
  return Array.from({ length: count }, () => sample);
}

void t.test('a fixed limit', (t) => {
  const states = run(controllerFor('Fixed', options), [
    { pressure: 0.5 },
    { pressure: 0.9 },
    { pressure: undefined },
  ]);
  t.strictSame(
    states.map(({ limit }) => limit),
    [8, 8, 8, 8],
  );
  t.strictSame(
    states.map(({ isSaturated }) => isSaturated),
    [false, false, true, false],
  );
  for (const limit of [0, -1, 1.5, NaN, Infinity])
    t.throws(
      () => controllerFor('Fixed', { ...options, fixedLimit: limit }),
      /must be a whole number, at least 1/,
    );
  t.end();
});

void t.test('the adaptive limit begins small and grows by one for each start that finishes', (t) => {
  const finished = { completions: done, utilization: undefined };
  t.strictSame(limits(times(4, { ...finished, pressure: 0.3 })), [2, 3, 4, 5, 6]);
  t.strictSame(limits(times(3, { ...finished, held: 1 })), [2, 2, 2, 2], 'not while slots are free');
  t.strictSame(limits(times(3, { ...finished, queued: 0, held: 2 })), [2, 2, 2, 2], 'not while nobody waits');
  const pressed = { utilization: undefined, pressure: 0.7, smallestDeadlineMs: undefined };
  const under = [...times(6, pressed), ...times(6, { ...pressed, completions: done })];
  t.equal(limits(under).at(-1), 2, 'not under pressure');
  t.strictSame(limits(times(3, finished), { maxLimit: 4 }), [2, 3, 4, 4]);
  t.strictSame(limits([], { initialLimit: 5 }), [5]);
  t.end();
});

void t.test('it grows by a slot for each idle second, and not at all on a busy device', (t) => {
  t.equal(limits(times(20, { utilization: 0 })).at(-1), 11);
  t.equal(limits(times(20, { utilization: undefined })).at(-1), 2, 'nobody knows whether it is idle');
  const busy = { utilization: 1, pressure: 0.3, awaitMs: 5, smallestDeadlineMs: undefined };
  t.equal(limits(times(60, busy)).at(-1), 2);
  t.equal(limits([...times(20, busy), ...times(20, { ...busy, completions: done })]).at(-1), 2);
  t.end();
});

void t.test('it shrinks for each of three reasons, and never below one', (t) => {
  const busy = { utilization: 1, awaitMs: 100 };
  const unhurried = { smallestDeadlineMs: undefined };
  const reasons: [string, Partial<StartupSample>][] = [
    ['deadlines', { ...busy, pressure: 0, worstDeadlineShare: 0.7 }],
    ['deadlines, where nothing can be measured', { worstDeadlineShare: 0.7, pressure: undefined }],
    ['calls', { ...busy, pressure: 0, slowestCallMs: 6000 }],
    ['pressure', { ...unhurried, ...busy, pressure: 1 }],
    ['the time of requests, without pressure', { ...unhurried, ...busy, pressure: undefined }],
    ['the time of requests, blind pressure', { ...unhurried, ...busy, pressure: 0.01 }],
    ['pressure, without the time of requests', { ...unhurried, pressure: 1 }],
    ['pressure, with deadlines that are near', { ...busy, pressure: 1, smallestDeadlineMs: 1500 }],
    ['pressure, with calls that are not quick', { ...busy, pressure: 1, slowestCallMs: 800 }],
  ];
  const grown = times(18, { completions: done, awaitMs: 5 });
  for (const [about, reason] of reasons) {
    const unknown: Partial<StartupSample> = { utilization: undefined, awaitMs: undefined };
    const states = run(controllerFor('Adaptive', options), [
      ...grown,
      ...times(200, { ...unknown, ...reason }),
    ]);
    const before = states[grown.length]?.limit ?? 0;
    const after = states.slice(grown.length + 1).map(({ limit }) => limit);
    const first = after.findIndex((limit, at) => limit < (after[at - 1] ?? before));
    t.equal(after[first], Math.floor((states[grown.length + first]?.limit ?? 0) * 0.7), `${about}: to 0.7`);
    t.ok(
      after.slice(first, first + 4).every((limit) => limit === after[first]),
      'once in the cool-down',
    );
    t.ok(after.every((limit, at) => at === 0 || limit <= (after[at - 1] ?? 0)));
    t.equal(after.at(-1), 1);
    t.equal(states.at(-1)?.isSaturated, true);
  }
  t.end();
});

void t.test('on a busy device it grows by one a round as long as deadlines are far and calls quick', (t) => {
  const busy = { utilization: 1, pressure: 1, awaitMs: 100, completions: done };
  const states = run(controllerFor('Adaptive', options), [
    ...times(1, { ...busy, awaitMs: 5, completions: [] }),
    ...times(19, { ...busy, completions: [] }),
    ...times(20, busy),
    ...times(20, { ...busy, worstDeadlineShare: 0.7 }),
  ]);
  const grown = states[40]?.limit ?? 0;
  // 20 starts finish: rounds of 2 + 3 + 4 + 5 fit into that, and those that are under way.
  t.ok(grown >= 5 && grown <= 7, String(grown));
  t.equal(states[40]?.isSaturated, true, 'busy all the same');
  t.ok((states.at(-1)?.limit ?? 0) < grown, 'not when they come nearer');
  t.end();
});

void t.test('it does not shrink again while more are under way than the limit says', (t) => {
  const late = { utilization: 1, awaitMs: 5, worstDeadlineShare: 0.9 };
  const steps = limits([...times(18, { completions: done }), ...times(60, { ...late, held: 30 })]);
  t.equal(steps.at(-1), steps[18], 'it was so before the first decrease');
  t.ok((limits([...times(18, { completions: done }), ...times(60, late)]).at(-1) ?? 0) < 3);
  t.end();
});

void t.test('what is late for another reason than the device does not make it shrink', (t) => {
  for (const reason of [
    { worstDeadlineShare: 0.9 },
    { slowestCallMs: 60_000 },
    { pressure: 1, awaitMs: 50 },
  ]) {
    const states = run(controllerFor('Adaptive', options), times(20, { utilization: 0.1, ...reason }));
    t.ok((states.at(-1)?.limit ?? 0) >= 2, JSON.stringify(reason));
    t.ok(states.every(({ isSaturated }) => !isSaturated));
  }
  t.end();
});

void t.test('after it has shrunk it grows by one a round', (t) => {
  const known = { utilization: undefined };
  const down = times(8, { ...known, worstDeadlineShare: 0.7 });
  const finished = { ...known, completions: done };
  const steps = limits([...times(8, finished), ...down, ...times(40, finished)]);
  const low = steps[17] ?? 0;
  t.ok(low < 10);
  // 40 starts finish: at most so many rounds as 7 + 8 + 9 fit into that.
  t.ok(
    (steps.at(-1) ?? 0) - low >= 2 && (steps.at(-1) ?? 0) - low <= 6,
    `${String(low)} to ${String(steps.at(-1))}`,
  );
  t.end();
});

void t.test('slots that nobody needs lapse, down to those that it began with', (t) => {
  const steps = limits([
    ...times(18, { completions: done }),
    ...times(20, { queued: 0, held: 12 }),
    ...times(200, { queued: 0, held: 0 }),
    ...times(1, { completions: done, utilization: undefined }),
  ]);
  t.ok((steps[38] ?? 0) >= 12 && (steps[38] ?? 0) <= 13, 'what is held stays');
  t.equal(steps.at(-2), 2);
  t.end();
});

void t.test('admissions are spread over the time that a start takes', (t) => {
  const busy = times(40, { utilization: 1 });
  const spacings = run(controllerFor('Adaptive', { ...options, maxLimit: 4 }), [
    ...busy,
    { utilization: 1, completions: [{ durationMs: 8000 }] },
    ...busy,
    { utilization: 1, completions: [{ durationMs: 500 }] },
    ...times(80, { utilization: 0 }),
  ]).map(({ spacingMs = 0 }) => Math.round(spacingMs));
  t.equal(spacings[40], 0, 'nobody knows how long it takes');
  t.equal(spacings[81], 3200, '0.8 times 8 s over 2 slots');
  t.ok((spacings[82] ?? 0) < 220, 'a short one shows that it need not be so long');
  t.ok((spacings.at(-1) ?? 0) < 10, 'there is nothing to space on an idle device');
  t.end();
});

void t.test('other figures than those that can be are taken as they come', (t) => {
  const states = run(controllerFor('Adaptive', options), [
    { elapsedMs: 0, completions: done },
    { awaitMs: 0, utilization: 1, pressure: 0 },
    { held: 0, pressure: 1, utilization: 1, awaitMs: 9, worstDeadlineShare: 9 },
    { completions: [{ durationMs: 0 }], utilization: 0 },
  ]);
  for (const { limit, spacingMs = 0 } of states) {
    t.ok(Number.isInteger(limit) && limit >= 1);
    t.ok(spacingMs >= 0);
  }
  t.end();
});
