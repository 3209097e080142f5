/** Whose sandboxes and containers are made next, and what never waits. */
import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { CreationLimit, creationsAtOnce } from '../../../kubelet/sync/creation-limit.js';

function podOf(uid: string, priority = 0): Pod {
  const metadata = { name: uid, namespace: 'default', uid, resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], priority }, status: {} };
}

/** Work that is under way until it is told to end. */
class Site {
  readonly limit: CreationLimit;
  readonly under = new Map<string, () => void>();

  constructor(limit: number) {
    this.limit = new CreationLimit(limit);
  }

  begin(name: string, pod = podOf(name), signal = new AbortController().signal): Promise<string> {
    return this.limit.run(pod, signal, async () => {
      await new Promise<void>((resolve) => this.under.set(name, resolve));
      this.under.delete(name);
      return name;
    });
  }

  /** Ends one, and what had its place to wait for has begun. */
  async end(name: string, work: Promise<string>): Promise<string[]> {
    this.under.get(name)?.();
    await work;
    await new Promise(setImmediate);
    return this.running;
  }

  get running(): string[] {
    return [...this.under.keys()];
  }
}

await t.test('two for each processor, and never none', async (t) => {
  t.strictSame([0, 1, 2, 2.5, 16].map(creationsAtOnce), [2, 2, 4, 4, 32]);
});

await t.test('who came first goes first, with each step', async (t) => {
  const site = new Site(2);
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => site.begin(name));
  await new Promise(setImmediate);
  t.strictSame(site.running, ['a', 'b'], 'no more than two');
  t.strictSame(await site.end('a', a as Promise<string>), ['b', 'c'], 'in the order in which they came');
  const container = site.begin('container of a', podOf('a'));
  t.strictSame(await site.end('b', b as Promise<string>), ['c', 'container of a'], 'before what is new');
  t.strictSame(await site.end('c', c as Promise<string>), ['container of a', 'd']);
  site.limit.forget('a');
  const [e, again] = [site.begin('e'), site.begin('again', podOf('a'))];
  t.strictSame(await site.end('d', d as Promise<string>), ['container of a', 'e']);
  t.strictSame(await site.end('e', e), ['container of a', 'again'], 'one that is forgotten begins anew');
  t.strictSame(await site.end('container of a', container), ['again']);
  t.strictSame(await site.end('again', again), []);
});

await t.test('a place comes back when work fails, and its error goes to who asked', async (t) => {
  const limit = new CreationLimit(1);
  const { signal } = new AbortController();
  await t.rejects(
    limit.run(podOf('a'), signal, () => Promise.reject(new Error('no room'))),
    /no room/,
  );
  t.equal(await limit.run(podOf('b'), signal, () => Promise.resolve('made')), 'made');
});

await t.test('who is broken off while waiting leaves the queue', async (t) => {
  const site = new Site(1);
  const first = site.begin('first');
  const abort = new AbortController();
  const broken = site.begin('broken', podOf('broken'), abort.signal);
  const last = site.begin('last');
  abort.abort(new Error('deleted'));
  await t.rejects(broken, /deleted/);
  await t.rejects(site.begin('late', podOf('late'), abort.signal), /deleted/);
  t.strictSame(await site.end('first', first), ['last']);
  t.strictSame(await site.end('last', last), []);
});

await t.test('critical pods do not wait, and those that do wait for them', async (t) => {
  const site = new Site(1);
  const first = site.begin('first');
  const second = site.begin('second');
  const critical = site.begin('critical', podOf('critical', 2_000_000_000));
  await new Promise(setImmediate);
  t.strictSame(site.running, ['first', 'critical']);
  t.strictSame(
    await site.end('first', first),
    ['critical'],
    'its place is not there while there is one too many',
  );
  t.strictSame(await site.end('critical', critical), ['second']);
  t.strictSame(await site.end('second', second), []);
});
