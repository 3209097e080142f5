/**
 * A store under load keeps its promises while it is killed, cut off and filled up: a short version, one round a fault, of
 * what `npm run soak -- store` does for hours.
 */
import { tmpdir } from 'node:os';
import t from 'tap';
import type { Test } from 'tap';
import { shortPace } from '../faults/round.js';
import { startEtcdSetup } from '../faults/setup-etcd.js';
import { startEmbeddedSetup, startMemorySetup } from '../faults/setup-one-server.js';
import type { Setup } from '../faults/setup.js';
import { soak } from '../faults/soak.js';

/** Nothing here depends on speed: a busy machine takes longer. */
t.setTimeout(280_000);

async function roundOf(t: Test, setup: Setup, fault: string, seed: number): Promise<void> {
  const result = await soak({
    ...{ setup, seed, firstRound: 1, rounds: 1, pace: shortPace },
    wants: (name) => name === fault,
    progress: (line) => {
      t.comment(line);
    },
    keptIn: tmpdir(),
    signal: new AbortController().signal,
  });
  t.strictSame(result.violations, [], `${fault}, seed ${seed}`);
  t.strictSame([...result.faults], [[fault, 1]]);
  const counted = (pattern: RegExp): number =>
    [...result.counts].reduce((sum, [name, count]) => (pattern.test(name) ? sum + count : sum), 0);
  t.ok(counted(/written$/) > 10, `${counted(/written$/)} writes`);
  t.ok(counted(/^events$/) > 10, `${counted(/^events$/)} events`);
  t.ok(counted(/^list answered$/) > 5, `${counted(/^list answered$/)} lists`);
}

void t.test('the twin in memory', async (t) => {
  const setup = await startMemorySetup();
  t.teardown(() => setup.stop());
  await roundOf(t, setup, 'client-cut', 1);
});

void t.test('the embedded store', async (t) => {
  const setup = await startEmbeddedSetup({ wants: (name) => name !== 'slow-disk' });
  t.teardown(() => setup.stop());
  for (const missing of setup.missing) t.comment(`left out: ${missing}`);
  const wanted = ['kill-apiserver', 'client-cut-after', 'client-half-open', 'kill-on-full-disk'];
  const there = setup.faults.map(({ name }) => name);
  let seed = 1;
  for (const fault of wanted.filter((name) => there.includes(name))) await roundOf(t, setup, fault, seed++);
});

void t.test('three members of etcd and two servers', async (t) => {
  const wanted = ['kill-member', 'store-half-open', 'kill-apiserver'];
  const setup = await startEtcdSetup({ wants: (name) => wanted.includes(name) });
  t.teardown(() => setup.stop());
  let seed = 1;
  for (const fault of wanted) await roundOf(t, setup, fault, seed++);
});
