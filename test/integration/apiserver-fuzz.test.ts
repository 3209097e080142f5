/**
 * Objects of all kinds with random things in random places, sent to a real server: what it accepts it accepts again
 * unchanged, and of what it refuses nothing is stored. The seed is fixed, see `support/fuzz.ts`.
 */
import fc from 'fast-check';
import t from 'tap';
import { sameJson } from '../../api/apply/json-values.js';
import * as resources from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { ManualClock } from '../../common/clock.js';
import { openMemoryStore } from '../../apiserver/storage/backends/memory/memory-store.js';
import { startFixture, textOf } from '../support/apiserver-fixture.js';
import { fuzzAsync, randomJson } from '../support/fuzz.js';
import { smallObjects } from '../support/small-objects.js';

// A clock that stands: nothing expires.
const clock = new ManualClock();
const fixture = await startFixture({ clock, store: openMemoryStore({ backend: 'memory', clock }) });
t.teardown(() => fixture.stop());
const { request, store } = fixture;

const containers = [
  { name: 'c', image: 'i:1', ports: [{ containerPort: 80 }], env: [{ name: 'A', value: 'b' }] },
];
const labels = { app: 'a' };
const template = { metadata: { labels }, spec: { containers } };
const common: readonly (readonly [unknown, object])[] = [
  [resources.configMaps, { data: { a: 'b' } }],
  [resources.secrets, { data: { a: 'YQ==' } }],
  [resources.pods, { spec: { containers, volumes: [{ name: 'v', emptyDir: {} }] } }],
  [resources.services, { spec: { selector: labels, ports: [{ port: 80, targetPort: 'http' }] } }],
  [resources.deployments, { spec: { replicas: 2, selector: { matchLabels: labels }, template } }],
  [
    resources.cronJobs,
    {
      spec: {
        schedule: '* * * * *',
        jobTemplate: { spec: { template: { spec: { containers, restartPolicy: 'Never' } } } },
      },
    },
  ],
];
const kinds = [
  ...common.map(([definition, fields]) => ({ definition: definition as ResourceDefinition, fields })),
  ...smallObjects.filter(({ name }) => name === undefined),
].filter(({ definition }) => definition.verbs.includes('create') && definition.verbs.includes('update'));

/** A walk into an object, by numbers that choose among the members, and what is done at its end. */
const change = fc.record({
  walk: fc.array(fc.nat(30), { minLength: 1, maxLength: 6 }),
  value: fc.oneof(
    fc.constant(undefined),
    randomJson,
    fc.constantFrom(
      'a',
      'A b',
      'x'.repeat(300),
      '\u0001\n',
      'ä日',
      { ä日: 1 },
      ['a', 'a'],
      { a: 'b' },
      65536,
    ),
  ),
});

type Container = Record<string, unknown>;

function changed(object: unknown, walk: readonly number[], value: unknown): unknown {
  const [step = 0, ...rest] = walk;
  if (typeof object !== 'object' || object === null) return value;
  const keys = Object.keys(object);
  if (keys.length === 0) return value;
  const copy = (Array.isArray(object) ? [...(object as unknown[])] : { ...object }) as Container;
  const key = keys[step % keys.length] ?? '';
  copy[key] = rest.length === 0 ? value : changed(copy[key], rest, value);
  return copy;
}

const json = { headers: { 'content-type': 'application/json' } };
/** Keys of all that the store has with this name in it: the server itself writes now and then, too. */
async function traces(name: string): Promise<readonly string[]> {
  const { records } = await store.range({ prefix: '/' });
  const mentions = (bytes: Uint8Array): boolean => Buffer.from(bytes).includes(name);
  return records.filter(({ key, value }) => key.includes(name) || mentions(value)).map(({ key }) => key);
}

let count = 0;
let accepted = 0;
let refused = 0;

await t.test('accepted as a whole, or not at all', async (t) => {
  await fuzzAsync(
    fc.asyncProperty(
      fc.constantFrom(...kinds),
      fc.array(change, { maxLength: 2 }),
      async ({ definition, fields }, changes) => {
        const name = `x${++count}y`;
        const { apiVersion, kind } = {
          apiVersion:
            definition.group === '' ? definition.version : `${definition.group}/${definition.version}`,
          kind: definition.kind,
        };
        const root = definition.group === '' ? '/api/v1' : `/apis/${definition.group}/${definition.version}`;
        const path = `${root}${definition.namespaced ? '/namespaces/default' : ''}/${definition.plural}`;
        const base: unknown = { apiVersion, kind, metadata: { name, labels }, ...fields };
        const sent = JSON.stringify(
          changes.reduce((object, { walk, value }) => changed(object, walk, value), base),
        );
        const made = await request('POST', path, sent, json);
        if (made.status >= 500) throw new Error(`${sent}: ${made.text}`);
        if (made.status !== 201) {
          refused++;
          if ((await traces(name)).length > 0)
            throw new Error(`refused, and something was stored: ${sent}: ${made.text}`);
          return;
        }
        accepted++;
        const at = `${path}/${encodeURIComponent(textOf(made.json['metadata']?.['name']))}`;
        const read = await request('GET', at);
        const put = await request('PUT', at, read.text, json);
        if (put.status !== 200 || !sameJson(put.json, read.json))
          throw new Error(`not itself again: ${read.text}: ${put.text}`);
        await request('DELETE', `${at}?gracePeriodSeconds=0`);
      },
    ),
  );
  t.ok(accepted > 5 && refused > 5, `${accepted} accepted, ${refused} refused`);
  t.strictSame(fixture.errors, []);
});
