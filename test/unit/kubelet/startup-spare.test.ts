/** Whether a container that a probe condemns is spared, and what a look at a start that holds a slot says. */
import t from 'tap';
import { noStartupHints } from '../../../api/startup-hints.js';
import { judgeSparing } from '../../../kubelet/startup/spare.js';
import type { SparingLook, SparingState } from '../../../kubelet/startup/spare.js';
import { judgeHeld } from '../../../kubelet/startup/start-looks.js';

void t.test('who is spared', (t) => {
  const look: SparingLook = { nowMs: 100_000, isSaturated: true, bytes: 5000, spareForMs: 60_000 };
  const table: [
    what: string,
    before: SparingState | undefined,
    look: Partial<SparingLook>,
    isSpared: boolean,
    sparedSinceMs: number | undefined,
  ][] = [
    ['the first time, when it has read something', undefined, {}, true, 100_000],
    ['not when it has read nothing at all', undefined, { bytes: 0 }, false, undefined],
    ['not when nobody counts what it reads', undefined, { bytes: undefined }, false, undefined],
    ['not while its devices have room', undefined, { isSaturated: false }, false, undefined],
    ['never when it says so', undefined, { spareForMs: 0 }, false, undefined],
    ['again, when it has read more', { bytes: 4000, sparedSinceMs: 90_000 }, {}, true, 90_000],
    ['not when it stands still', { bytes: 5000, sparedSinceMs: 90_000 }, {}, false, 90_000],
    ['when one of its processes has gone', { bytes: 9000, sparedSinceMs: 90_000 }, {}, true, 90_000],
    ['not for longer than it may', { bytes: 4000, sparedSinceMs: 40_000 }, {}, false, 40_000],
    ['to the last moment', { bytes: 4000, sparedSinceMs: 40_001 }, {}, true, 40_001],
    ['not anew after a pause', { bytes: 4000, sparedSinceMs: 30_000 }, { isSaturated: false }, false, 30_000],
  ];
  for (const [what, before, more, isSpared, sparedSinceMs] of table) {
    const verdict = judgeSparing(before, { ...look, ...more });
    t.strictSame(
      verdict,
      { isSpared, state: { bytes: 'bytes' in more ? more.bytes : 5000, sparedSinceMs } },
      what,
    );
  }
  t.end();
});

void t.test('what becomes of a start that holds a slot', (t) => {
  const limits = { slotTimeoutMs: 600_000, quietPeriodMs: 10_000 };
  const nowMs = 1_000_000;
  const start = {
    state: 'held' as const,
    ...{ isQuiet: false, hints: noStartupHints },
    ...{ admittedAtMs: nowMs - 60_000, runningSinceMs: nowMs - 50_000, bytes: 1, movedAtMs: nowMs - 9999 },
  };
  const judged = (more: Partial<Parameters<typeof judgeHeld>[0]>) =>
    judgeHeld({ ...start, ...more }, nowMs, nowMs, limits);
  const hints = { ...noStartupHints, slotTimeoutMs: 60_000 };
  t.equal(judged({}), undefined);
  t.equal(judged({ movedAtMs: nowMs - 10_000 }), 'quiet');
  t.equal(judged({ movedAtMs: nowMs - 10_000, runningSinceMs: undefined }), undefined, 'an image is pulled');
  t.equal(judged({ movedAtMs: nowMs - 10_000, bytes: undefined }), undefined, 'nobody counts');
  t.equal(judged({ state: 'free', isQuiet: true }), 'held', 'it reads again');
  t.equal(judged({ state: 'free', isQuiet: true, movedAtMs: nowMs - 10_000 }), undefined);
  t.equal(judged({ admittedAtMs: nowMs - 600_000 }), 'timed-out');
  t.equal(judged({ hints }), 'timed-out', 'the Pod says sooner');
  t.equal(judged({ hints, state: 'free', isQuiet: true }), 'timed-out');
  t.equal(judged({ hints, state: 'free' }), undefined, 'once');
  t.equal(judged({ hints, state: 'queued' }), undefined);
  t.end();
});
