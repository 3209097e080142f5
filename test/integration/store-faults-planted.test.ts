/** The soak, tested itself from end to end: on a store that breaks its word now and then, it must say so. */
import t from 'tap';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import type { Store, WatchBatch } from '../../apiserver/storage/store.js';
import { StoreError } from '../../apiserver/storage/store.js';
import { soak } from '../faults/soak.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { wrapStore } from '../support/wrap-store.js';

t.setTimeout(200_000);

/** Long enough for some updates, also on a busy machine. */
const pace = { before: [2_000, 2_000], fault: [0, 0], after: [0, 0] } as const;

/** Only keys of the workload: the server's own objects may rely on the store. */
const isPlanted = (key: string): boolean => /\/configmaps\/faults-\d+\/k/.test(key);

function everySome(): () => boolean {
  let calls = 0;
  return () => ++calls % 2 === 0;
}

const breaches: readonly { name: string; rule: string; plant: (store: Store) => Partial<Store> }[] = [
  {
    name: 'acknowledges an update and does nothing',
    rule: 'acknowledged is kept',
    plant: (store) => {
      const isTime = everySome();
      return {
        update: async (key, ...rest) =>
          isPlanted(key) && isTime()
            ? { kind: 'updated', revision: (await store.status()).revision }
            : store.update(key, ...rest),
      };
    },
  },
  {
    name: 'says that nothing was done, and has done it',
    rule: 'refused means refused',
    plant: (store) => {
      const isTime = everySome();
      return {
        update: async (key, ...rest) => {
          const result = await store.update(key, ...rest);
          if (isPlanted(key) && isTime()) throw new StoreError('unavailable', 'planted');
          return result;
        },
      };
    },
  },
  {
    name: 'forgets events',
    rule: 'acknowledged is kept',
    plant: (store) => {
      const isTime = everySome();
      async function* forgetful(batches: AsyncIterable<WatchBatch>): AsyncGenerator<WatchBatch> {
        for await (const { events, revision } of batches) {
          const kept = events.filter(
            (event) => !(event.type === 'put' && isPlanted(event.record.key) && isTime()),
          );
          yield { events: kept, revision };
        }
      }
      return { watch: (options) => forgetful(store.watch(options)) };
    },
  },
];

let seed = 1;
for (const { name, rule, plant } of breaches) {
  await t.test(`found: a store that ${name}`, async (t) => {
    const real = await openStore({ backend: 'memory' });
    const fixture = await startFixture({ store: wrapStore(real, plant(real)) });
    const { certificate: cert, privateKey: key } = fixture.pki.pair('admin');
    const result = await soak({
      setup: {
        ...{ name: 'planted', faults: [], missing: [], ends: () => 0, logFolder: fixture.pki.folder },
        servers: [{ url: fixture.url, ca: fixture.pki.authority, cert, key }],
        stop: () => fixture.stop(),
      },
      ...{ seed: seed++, firstRound: 1, rounds: 1, pace, wants: () => true },
      progress: () => undefined,
      keptIn: t.testdir(),
      signal: new AbortController().signal,
    });
    await fixture.stop();
    t.ok(
      result.violations.some((one) => one.rule === rule),
      JSON.stringify(result.violations.slice(0, 5)),
    );
    t.equal(result.kept.length, 1);
  });
}
