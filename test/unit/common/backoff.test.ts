import t from 'tap';
import { backoffDelayMs, KeyedBackoff } from '../../../common/backoff.js';

void t.test('delays double up to the bound', (t) => {
  const options = { initialMs: 10_000, maxMs: 300_000 };
  t.strictSame(
    [0, 1, 2, 3, 4, 5, 6].map((attempt) => backoffDelayMs(attempt, options)),
    [10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000],
  );
  t.end();
});

void t.test('jitter spreads a delay evenly around its base', (t) => {
  const options = { initialMs: 1000, maxMs: 8000, jitter: 0.3 };
  for (const [random, expected] of [
    [0, 700],
    [0.5, 1000],
    [1, 1300],
  ] as const) {
    t.equal(Math.round(backoffDelayMs(0, { ...options, random: () => random })), expected);
  }
  t.end();
});

void t.test('keys fail on their own, and a reset forgets', (t) => {
  const backoff = new KeyedBackoff({ initialMs: 1, maxMs: 100, factor: 10 });
  t.equal(backoff.next('a'), 1);
  t.equal(backoff.next('a'), 10);
  t.equal(backoff.next('b'), 1);
  t.equal(backoff.failures('a'), 2);
  backoff.reset('a');
  t.equal(backoff.failures('a'), 0);
  t.equal(backoff.next('a'), 1);
  t.end();
});
