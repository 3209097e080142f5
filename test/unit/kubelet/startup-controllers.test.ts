/** How many starts one device carries, by the samples. */
import t from 'tap';
import { controllerFor } from '../../../kubelet/startup/controllers/registry.js';
import type {
  ControllerState,
  StartupController,
  StartupSample,
} from '../../../kubelet/startup/controllers/controller.js';

const quiet: Omit<StartupSample, 'nowMs'> = {
  elapsedMs: 500,
  pressure: 0,
  utilization: 0,
  awaitMs: undefined,
  requestsInFlight: 0,
  bytesPerSecond: 0,
  held: 100,
  queued: 100,
  completions: [],
  failures: 0,
  worstDeadlineShare: 0,
  smallestDeadlineMs: 15_000,
  slowestCallMs: 0,
};
const options = { fixedLimit: 8, initialLimit: 2, maxLimit: 0 };
const done = [{ durationMs: 1000 }];

/** The limits after each sample, one every 500 ms. */
function run(controller: StartupController, samples: readonly Partial<StartupSample>[]): ControllerState[] {
  const states = [controller.begin()];
  for (const [at, sample] of samples.entries()) {
    const before = states.at(-1) ?? controller.begin();
    states.push(controller.step(before, { ...quiet, nowMs: (at + 1) * 500, ...sample }));
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
  t.strictSame(limits(times(4, { completions: done, pressure: 0.3 })), [2, 3, 4, 5, 6]);
  t.strictSame(limits(times(3, { completions: done, held: 1 })), [2, 2, 2, 2], 'not while slots are free');
  t.strictSame(limits(times(3, { completions: done }), { maxLimit: 4 }), [2, 3, 4, 4]);
  t.strictSame(limits([], { initialLimit: 5 }), [5]);
  t.end();
});

void t.test('it shrinks for each of three reasons, and never below one', (t) => {
  const reasons: [string, Partial<StartupSample>][] = [
    ['pressure', { pressure: 1 }],
    ['deadlines', { worstDeadlineShare: 0.6 }],
    ['calls', { slowestCallMs: 6000 }],
    ['deadlines, where pressure is not known', { worstDeadlineShare: 0.6, pressure: undefined }],
  ];
  const grown = times(18, { completions: done });
  for (const [about, reason] of reasons) {
    const states = run(controllerFor('Adaptive', options), [...grown, ...times(200, reason)]);
    const after = states.slice(grown.length + 1).map(({ limit }) => limit);
    t.equal(states[grown.length]?.limit, 20);
    t.equal(after[3], 14, `${about}: to 0.7 of it, once in the cool-down of two seconds`);
    t.ok(after.every((limit, at) => at === 0 || limit <= (after[at - 1] ?? 0)));
    t.equal(after.at(-1), 1);
    t.equal(states.at(-1)?.isSaturated, true);
  }
  t.end();
});

void t.test('after the first decrease it grows by one a round', (t) => {
  const down = times(8, { pressure: 1 });
  const rest = times(20, { pressure: 0 });
  const steps = limits([
    ...times(8, { completions: done }),
    ...down,
    ...rest,
    ...times(5, { completions: done }),
  ]);
  const low = steps.at(-6) ?? 0;
  t.ok(low < 10);
  t.ok((steps.at(-1) ?? 0) - low <= 1, `${String(low)} to ${String(steps.at(-1))}`);
  t.ok((steps.at(-1) ?? 0) - low >= 0);
  t.end();
});
