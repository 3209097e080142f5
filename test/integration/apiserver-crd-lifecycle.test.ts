/** Custom resources over time: versions, server-side apply, restarts, several servers, and the controllers that clean up. */
import t from 'tap';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { createRestClient } from '../../client/rest-client.js';
import { silentLogger } from '../../common/log.js';
import { garbageCollector } from '../../controller-manager/controllers/garbage-collector/controller.js';
import { namespaceController } from '../../controller-manager/controllers/namespace/controller.js';
import { runControllers } from '../../controller-manager/run-controllers.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import type { Answer } from '../support/apiserver-fixture.js';
import {
  conditionOf,
  cronTabDefinition,
  cronTabVersion,
  define,
  definitionsPath,
  openDefinition,
} from '../support/custom-definitions.js';
import { until } from '../support/until.js';

const store = await openStore({ backend: 'memory' });
let fixture = await startFixture({ store, keepStore: true });
t.teardown(async () => {
  await fixture.stop();
  await store.close();
});
const things = '/apis/things.example.com';

function patch(path: string, body: unknown, type = 'application/merge-patch+json'): Promise<Answer> {
  return fixture.request('PATCH', path, body, { headers: { 'content-type': type } });
}

function apply(path: string, body: unknown, manager: string, more = ''): Promise<Answer> {
  return patch(`${path}?fieldManager=${manager}${more}`, body, 'application/apply-patch+yaml');
}

function version(name: string, field: string, more: object = {}): object {
  const spec = {
    type: 'object',
    properties: { [field]: { type: 'integer', default: 1 }, both: { type: 'string' } },
  };
  return {
    name,
    served: true,
    storage: false,
    schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
    ...more,
  };
}

await t.test('several versions on one storage', async (t) => {
  const versions = [
    version('v1', 'one', { storage: true }),
    version('v1beta1', 'beta', { deprecated: true }),
  ];
  await define(fixture, openDefinition('Widget', { versions }));
  const old = await fixture.request('POST', `${things}/v1beta1/widgets`, {
    apiVersion: 'things.example.com/v1beta1',
    kind: 'Widget',
    metadata: { name: 'a' },
    spec: { both: 'x' },
  });
  t.match(old.headers['warning'], 'things.example.com/v1beta1 Widget is deprecated');
  t.match(old.json, { apiVersion: 'things.example.com/v1beta1', spec: { beta: 1, both: 'x' } });
  t.strictSame((await fixture.request('GET', `${things}/v1/widgets/a`)).json['spec'], { both: 'x', one: 1 });
  t.match((await fixture.request('GET', `${things}/v1beta1/widgets/a`)).json['spec'], { both: 'x' });
  const list = (await fixture.request('GET', `${things}/v1beta1/widgets`)).json;
  t.match(list, { kind: 'WidgetList', items: [{ apiVersion: 'things.example.com/v1beta1' }] });
  const group = (await fixture.request('GET', things)).json;
  t.match(group, {
    preferredVersion: { version: 'v1' },
    versions: [{ version: 'v1' }, { version: 'v1beta1' }],
  });

  const name = `${definitionsPath}/widgets.things.example.com`;
  const next = [
    version('v1', 'one'),
    version('v1beta1', 'beta', { served: false }),
    version('v2', 'two', { storage: true }),
  ];
  const changed = await patch(name, { spec: { versions: next } });
  t.strictSame(changed.json['status']?.['storedVersions'], ['v1', 'v2']);
  const missing = await patch(name, { spec: { versions: [next[2]] } });
  t.match(
    textOf(missing.json['message']),
    /status\.storedVersions\[0\]: Invalid value: "v1": missing from spec\.versions/,
  );
  await until(
    'v2 is served',
    async () => (await fixture.request('GET', `${things}/v2/widgets/a`)).status === 200,
  );
  t.equal((await fixture.request('GET', `${things}/v1beta1/widgets/a`)).status, 404);
  const rewritten = await patch(`${things}/v2/widgets/a`, { spec: { two: 7 } });
  t.match(rewritten.json, { apiVersion: 'things.example.com/v2', spec: { two: 7, both: 'x' } });
});

await t.test('server-side apply knows sets, keys and atomic parts', async (t) => {
  await define(fixture, cronTabDefinition());
  const path = '/apis/stable.example.com/v1/namespaces/default/crontabs/applied';
  const config = (spec: object): object => ({
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    metadata: { name: 'applied' },
    spec,
  });
  const first = await apply(
    path,
    config({ cronSpec: '* * * * *', tags: ['a'], steps: [{ name: 'one' }] }),
    'me',
  );
  t.equal(first.status, 201);
  const second = await apply(
    path,
    config({ tags: ['b'], steps: [{ name: 'two', seconds: 9 }], labels: { x: '1' } }),
    'you',
  );
  t.match(second.json['spec'], {
    tags: ['a', 'b'],
    steps: [
      { name: 'one', seconds: 5 },
      { name: 'two', seconds: 9 },
    ],
  });
  const conflict = await apply(path, config({ cronSpec: '1 * * * *' }), 'you');
  t.match(conflict.json, {
    code: 409,
    details: { causes: [{ reason: 'FieldManagerConflict', field: '.spec.cronSpec' }] },
  });
  t.match(await apply(path, config({ cronSpec: '1 * * * *' }), 'you', '&force=true'), { status: 200 });
  const given = await apply(path, config({}), 'me');
  t.strictSame(given.json['spec']?.['steps'], undefined, 'what nobody wants goes');
  t.match((await apply(path, config({ nonsense: 1 }), 'me')).json, {
    code: 400,
    message: /\.spec\.nonsense: field not declared in schema/,
  });
  const managers = listOf(given.json['metadata']?.['managedFields']).map((one) => textOf(one['manager']));
  // They stand in the order of their last change, which may be in one second or two.
  t.strictSame(managers.toSorted(), ['me', 'you']);
  const status = await apply(
    `${path}/status`,
    { ...config({}), spec: undefined, status: { phase: 'x' } },
    'kubelet',
  );
  t.match(status.json, { status: { phase: 'x' } });
});

await t.test('names that are taken, and definitions that change what may not change', async (t) => {
  const answer = await fixture.request('POST', definitionsPath, {
    ...openDefinition('Gizmo', {
      group: 'stable.example.com',
      names: { plural: 'gizmos', kind: 'CronTab' },
    }),
    metadata: { name: 'gizmos.stable.example.com' },
  });
  t.equal(answer.status, 201);
  const path = `${definitionsPath}/gizmos.stable.example.com`;
  const refused = await until('it is refused', async () => {
    const { json } = await fixture.request('GET', path);
    return conditionOf(json, 'NamesAccepted') === 'False' ? json : undefined;
  });
  t.equal(conditionOf(refused, 'Established'), 'False');
  t.equal((await fixture.request('DELETE', path)).status, 200);
  await until('it is gone', async () => (await fixture.request('GET', path)).status === 404);
  const crontabs = `${definitionsPath}/crontabs.stable.example.com`;
  const immutable = await patch(crontabs, { spec: { scope: 'Cluster', names: { kind: 'Other' } } });
  t.match(textOf(immutable.json['message']), /spec\.scope: Invalid value: "Cluster": field is immutable/);
  const wrong = await fixture.request('POST', definitionsPath, {
    ...cronTabDefinition({ versions: [{ ...cronTabVersion, storage: false }] }),
    metadata: { name: 'x' },
  });
  t.match(
    textOf(wrong.json['message']),
    'metadata.name: Invalid value: "x": must be spec.names.plural+"."+spec.group',
  );
  t.match(textOf(wrong.json['message']), 'must have exactly one version marked as storage version');
});

await t.test('rules in CEL', async (t) => {
  const withRule = (rule: string): Record<string, unknown> => {
    const spec = {
      type: 'object',
      properties: { size: { type: 'integer' } },
      'x-kubernetes-validations': [{ rule, message: 'cannot shrink' }],
    };
    const schema = { openAPIV3Schema: { type: 'object', properties: { spec } } };
    return openDefinition('Balloon', { versions: [{ name: 'v1', served: true, storage: true, schema }] });
  };
  const wrong = await fixture.request('POST', definitionsPath, withRule('self.sise > 1'));
  t.equal(wrong.status, 422);
  t.match(textOf(wrong.json['message']), "undefined field 'sise'");
  await define(fixture, withRule('self.size >= oldSelf.size'));
  const balloon = { metadata: { name: 'b' }, spec: { size: 2 } };
  t.equal((await fixture.request('POST', `${things}/v1/balloons`, balloon)).status, 201);
  t.equal((await patch(`${things}/v1/balloons/b`, { spec: { size: 3 } })).status, 200);
  t.match((await patch(`${things}/v1/balloons/b`, { spec: { size: 1 } })).json, {
    code: 422,
    message: 'Balloon.things.example.com "b" is invalid: spec: Invalid value: "object": cannot shrink',
  });
  t.match((await patch(`${things}/v1/balloons/b`, { spec: { size: 'x' } })).json, {
    message: /some validation rules were not checked because the object was invalid/,
  });
});

await t.test('another server on the same store, and one that starts again, serve the same', async (t) => {
  const other = await startFixture({ store, keepStore: true });
  t.teardown(() => other.stop());
  t.equal((await other.request('GET', `${things}/v2/widgets/a`)).status, 200);
  await define(other, openDefinition('Sprocket'));
  await until(
    'the first serves it, too',
    async () => (await fixture.request('GET', `${things}/v1/sprockets`)).status === 200,
  );
  await fixture.stop();
  fixture = await startFixture({ store, keepStore: true });
  t.match((await fixture.request('GET', `${things}/v2/widgets/a`)).json, { spec: { two: 7 } });
  t.strictSame(other.errors, []);
});

await t.test('the garbage collector and the namespace controller reach custom resources', async (t) => {
  const client = createRestClient({
    connection: { kubeconfig: fixture.kubeconfig },
    userAgent: 'knarr-test',
  });
  const stop = new AbortController();
  const settings = {
    clusterCidr: '10.244.0.0/16',
    nodeCidrMaskSize: 24,
    allocateNodeCidrs: false,
    rootCa: '',
    nodeMonitorGracePeriodMs: 40_000,
    terminatedPodGcThreshold: 100,
  };
  const running = runControllers(
    { client, definitions: [garbageCollector, namespaceController], settings, log: silentLogger },
    stop.signal,
  );
  t.teardown(async () => {
    stop.abort();
    await running;
    await client.close();
  });
  await fixture.request('POST', '/api/v1/namespaces', { metadata: { name: 'doomed' } });
  const tabs = '/apis/stable.example.com/v1/namespaces/doomed/crontabs';
  const tab = (name: string, owners: object[] = []): object => ({
    metadata: { name, ownerReferences: owners },
    spec: { cronSpec: '* * * * *' },
  });
  const owner = await fixture.request('POST', tabs, tab('owner'));
  const reference = {
    apiVersion: 'stable.example.com/v1',
    kind: 'CronTab',
    name: 'owner',
    uid: textOf(owner.json['metadata']?.['uid']),
  };
  await fixture.request('POST', tabs, tab('child', [reference]));
  await fixture.request('POST', '/api/v1/namespaces/doomed/configmaps', {
    metadata: { name: 'settings', ownerReferences: [reference] },
  });
  await fixture.request('POST', tabs, tab('stranger'));
  await fixture.request('DELETE', `${tabs}/owner`);
  const gone = async (path: string): Promise<boolean> => (await fixture.request('GET', path)).status === 404;
  await until(
    'the dependents are gone',
    async () =>
      (await gone(`${tabs}/child`)) && (await gone('/api/v1/namespaces/doomed/configmaps/settings')),
    15_000,
  );
  t.notOk(await gone(`${tabs}/stranger`));
  await fixture.request('DELETE', '/api/v1/namespaces/doomed');
  await until('the namespace is gone', () => gone('/api/v1/namespaces/doomed'), 15_000);
  t.ok(await gone(`${tabs}/stranger`));
});
