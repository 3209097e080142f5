/** When a container is probed, by its age. */
import t from 'tap';
import type { Probe } from '../../../api/generated/core-v1.js';
import { countingFromMs, firstCheckMs, nextCheckDelayMs } from '../../../kubelet/probes/probe-schedule.js';
import type { ProbeKind } from '../../../kubelet/probes/probe-schedule.js';
import type { Verdict } from '../../../kubelet/probes/probe-threshold.js';

const late: Probe = { initialDelaySeconds: 15, periodSeconds: 10 };

void t.test('the first check', (t) => {
  const table: [ProbeKind, Probe, number][] = [
    ['readiness', {}, 0],
    ['startup', {}, 0],
    ['liveness', {}, 10_000],
    ['liveness', { periodSeconds: 3 }, 3000],
    ['readiness', { initialDelaySeconds: 2 }, 2000],
    ['liveness', { initialDelaySeconds: 2 }, 10_000],
    ['readiness', late, 15_000],
    ['liveness', late, 15_000],
  ];
  for (const [kind, probe, expected] of table)
    t.equal(firstCheckMs(kind, probe), expected, `${kind} ${JSON.stringify(probe)}`);
  t.end();
});

void t.test('a start that does not answer fails after failureThreshold times periodSeconds', (t) => {
  t.equal(countingFromMs({}), 10_000);
  t.equal(countingFromMs({ initialDelaySeconds: 4 }), 10_000);
  t.equal(countingFromMs(late), 15_000);
  t.end();
});

void t.test('the checks that follow', (t) => {
  const ages = (probe: Probe, verdict: Verdict, untilMs: number): number[] => {
    const all = [firstCheckMs('readiness', probe)];
    for (;;) {
      const age = all.at(-1) ?? 0;
      const next = age + nextCheckDelayMs(probe, age, verdict);
      if (next > untilMs) return all;
      all.push(next);
    }
  };
  t.strictSame(
    ages({}, 'unknown', 30_000),
    [0, 250, 500, 1000, 2000, 4000, 8000, 10_000, 20_000, 30_000],
    'often while it starts, then once a period',
  );
  t.strictSame(ages({}, 'success', 30_000), [0, 10_000, 20_000, 30_000], 'no hurry when it is ready');
  t.strictSame(ages({ periodSeconds: 1 }, 'unknown', 3000), [0, 250, 500, 1000, 2000, 3000]);
  t.strictSame(
    ages({ initialDelaySeconds: 2, periodSeconds: 5 }, 'unknown', 15_000),
    [2000, 4000, 5000, 10_000, 15_000],
  );
  t.strictSame(ages(late, 'unknown', 35_000), [15_000, 25_000, 35_000]);
  t.end();
});
