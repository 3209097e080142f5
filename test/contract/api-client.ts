/**
 * What every ApiClient keeps to, and so what a controller may rely on. `api-client-*.test.ts` run it on the in-memory
 * client and on the REST client with a real apiserver.
 */
import type { Test } from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import type { Deployment } from '../../api/generated/apps-v1.js';
import type { Draft } from '../../api/objects.js';
import { configMaps, deployments, pods } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { StatusReason } from '../../api/status-error.js';
import { configMap } from './api-client-scenario.js';
import type { ApiClientUnderTest, ClientScenario } from './api-client-scenario.js';
import { apiClientWatchContract } from './api-client-watching.js';

export interface ApiClientHarness {
  open(): Promise<ApiClientUnderTest>;
}

export function apiClientContract(t: Pick<Test, 'test'>, name: string, harness: ApiClientHarness): void {
  void t.test(`${name} keeps the contract of an api client`, async (t) => {
    const scenario: ClientScenario = (title, run) => {
      void t.test(title, async (t) => {
        await run(t, await harness.open());
      });
    };
    readWriteContract(scenario);
    updateContract(scenario);
    patchContract(scenario);
    deleteContract(scenario);
    apiClientWatchContract(scenario);
  });
}

async function rejectsWith(t: Test, reason: StatusReason, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
    t.fail(`should reject with ${reason}`);
  } catch (error) {
    t.ok(isStatusError(error), 'a StatusError');
    t.equal(isStatusError(error) ? error.reason : error, reason);
  }
}

function pod(namespace: string, name: string): Draft<Pod> {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: { app: 'web' } },
    spec: { containers: [{ name: 'web', image: 'localhost/knarr/web:1' }] },
  };
}

function deployment(namespace: string, name: string): Draft<Deployment> {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'web', image: 'localhost/knarr/web:1' }] },
      },
    },
  };
}

function readWriteContract(scenario: ClientScenario): void {
  scenario('create fills in what the server decides', async (t, { client, namespace }) => {
    const created = await client.resource(configMaps).create(configMap(namespace, 'a'));
    t.equal(created.kind, 'ConfigMap');
    t.equal(created.apiVersion, 'v1');
    t.match(created.metadata.uid, /^[0-9a-f-]{36}$/);
    t.match(created.metadata.resourceVersion, /^[1-9]\d*$/);
    t.match(created.metadata.creationTimestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    t.strictSame(await client.resource(configMaps).get({ namespace, name: 'a' }), created);
  });

  scenario('create makes a name from generateName', async (t, { client, namespace }) => {
    const draft = configMap(namespace, '');
    delete draft.metadata.name;
    draft.metadata.generateName = 'made-';
    const created = await client.resource(configMaps).create(draft);
    t.match(created.metadata.name, /^made-[a-z0-9]{5}$/);
  });

  scenario('create refuses a name that is taken', async (t, { client, namespace }) => {
    await client.resource(configMaps).create(configMap(namespace, 'a'));
    await rejectsWith(t, 'AlreadyExists', () =>
      client.resource(configMaps).create(configMap(namespace, 'a')),
    );
  });

  scenario('names must be complete', async (t, { client }) => {
    const unnamed = configMap('', 'a');
    await rejectsWith(t, 'BadRequest', () => client.resource(configMaps).create(unnamed));
    await rejectsWith(t, 'BadRequest', () => client.resource(configMaps).get({ name: 'a' }));
  });

  scenario('what is not there is NotFound', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const at = { namespace, name: 'none' };
    await rejectsWith(t, 'NotFound', () => resource.get(at));
    await rejectsWith(t, 'NotFound', () => resource.delete(at));
    await rejectsWith(t, 'NotFound', () => resource.patch(at, 'merge', { data: {} }));
  });

  scenario(
    'list is whole objects of one namespace, in order, as of a version',
    async (t, { client, namespace }) => {
      const resource = client.resource(configMaps);
      const made = [];
      for (const name of ['b', 'a', 'c'])
        made.push(await resource.create(configMap(namespace, name, { labels: { x: 'y' } })));
      const list = await resource.list({ namespace, labelSelector: 'x=y' });
      t.strictSame(
        list.items.map(({ metadata }) => metadata.name),
        ['a', 'b', 'c'],
      );
      t.match(list.items[0], { apiVersion: 'v1', kind: 'ConfigMap' });
      const newest = Math.max(...made.map(({ metadata }) => Number(metadata.resourceVersion)));
      t.ok(Number(list.resourceVersion) >= newest, 'not older than what was written before');
    },
  );

  scenario('list selects by labels and fields, and in chunks', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    for (const [name, tier] of [
      ['a', 'front'],
      ['b', 'back'],
      ['c', 'front'],
    ] as const) {
      await resource.create(configMap(namespace, name, { labels: { tier } }));
    }
    const names = async (options: object): Promise<string[]> =>
      (await resource.list({ namespace, ...options })).items.map(({ metadata }) => metadata.name);
    t.strictSame(await names({ labelSelector: 'tier=front' }), ['a', 'c']);
    t.strictSame(await names({ labelSelector: 'tier in (back)' }), ['b']);
    t.strictSame(await names({ fieldSelector: 'metadata.name=b' }), ['b']);
    const first = await resource.list({ namespace, labelSelector: 'tier', limit: 2 });
    t.equal(first.items.length, 2);
    t.ok(first.continue);
    const rest = await resource.list({
      namespace,
      labelSelector: 'tier',
      limit: 2,
      continue: first.continue ?? '',
    });
    t.strictSame(
      rest.items.map(({ metadata }) => metadata.name),
      ['c'],
    );
    t.equal(rest.continue, undefined);
    await rejectsWith(t, 'BadRequest', () => resource.list({ namespace, labelSelector: 'a=b=c' }));
  });

  scenario('what is returned belongs to the caller', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const created = await resource.create(configMap(namespace, 'a'));
    created.data = { key: 'changed by the caller' };
    t.equal((await resource.get({ namespace, name: 'a' })).data?.['key'], 'one');
  });
}

function updateContract(scenario: ClientScenario): void {
  scenario('update replaces and moves the version on', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const before = await resource.create(configMap(namespace, 'a'));
    const after = await resource.update({ ...before, data: { key: 'two' } });
    t.equal(after.data?.['key'], 'two');
    t.equal(after.metadata.uid, before.metadata.uid);
    t.ok(Number(after.metadata.resourceVersion) > Number(before.metadata.resourceVersion));
    await rejectsWith(t, 'Conflict', () => resource.update({ ...before, data: { key: 'three' } }));
    t.equal((await resource.get({ namespace, name: 'a' })).data?.['key'], 'two');
  });

  scenario('update that changes nothing writes nothing', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const before = await resource.create(configMap(namespace, 'a'));
    const after = await resource.update(before);
    t.equal(after.metadata.resourceVersion, before.metadata.resourceVersion);
  });

  scenario(
    'spec and status are written separately; generation counts the spec',
    async (t, { client, namespace }) => {
      const resource = client.resource(deployments);
      const created = await resource.create(deployment(namespace, 'web'));
      t.equal(created.metadata.generation, 1);
      const scaled = await resource.update({
        ...created,
        spec: { ...created.spec, replicas: 3 },
        status: { observedGeneration: 7 },
      });
      t.equal(scaled.metadata.generation, 2);
      t.equal(scaled.status.observedGeneration, undefined, 'update leaves the status alone');
      const reported = await resource.updateStatus({
        ...scaled,
        spec: { ...scaled.spec, replicas: 9 },
        status: { ...scaled.status, observedGeneration: 2 },
      });
      t.equal(reported.spec.replicas, 3, 'updateStatus leaves the spec alone');
      t.equal(reported.status.observedGeneration, 2);
      t.equal(reported.metadata.generation, 2);
    },
  );

  scenario('binding gives a pod its node, once', async (t, { client, namespace }) => {
    const resource = client.resource(pods);
    const { metadata } = await resource.create(pod(namespace, 'a'));
    const bind = (node: string): Promise<unknown> =>
      resource.createSubresource(metadata, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: 'a', namespace },
        target: { apiVersion: 'v1', kind: 'Node', name: node },
      });
    await bind('n1');
    const bound = await resource.get(metadata);
    t.equal(bound.spec.nodeName, 'n1');
    t.match(bound.status.conditions, [{ type: 'PodScheduled', status: 'True' }]);
    await rejectsWith(t, 'Conflict', () => bind('n2'));
    t.equal((await resource.list({ namespace, fieldSelector: 'spec.nodeName=n1' })).items.length, 1);
    t.equal((await resource.list({ namespace, fieldSelector: 'spec.nodeName=n2' })).items.length, 0);
  });
}

function patchContract(scenario: ClientScenario): void {
  scenario('merge patch sets and removes', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const at = (await resource.create(configMap(namespace, 'a'))).metadata;
    const patched = await resource.patch(at, 'merge', { data: { key: null, other: 'x' } });
    t.strictSame(patched.data, { other: 'x' });
  });

  scenario('a patch with a version that is not current is a Conflict', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const before = await resource.create(configMap(namespace, 'a'));
    await resource.update({ ...before, data: { key: 'two' } });
    const { resourceVersion } = before.metadata;
    await rejectsWith(t, 'Conflict', () =>
      resource.patch(before.metadata, 'merge', { metadata: { resourceVersion }, data: { key: 'three' } }),
    );
  });

  scenario('json patch', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const at = (await resource.create(configMap(namespace, 'a'))).metadata;
    const patched = await resource.patch(at, 'json', [{ op: 'replace', path: '/data/key', value: 'two' }]);
    t.equal(patched.data?.['key'], 'two');
  });

  scenario('strategic merge patch merges lists by their key', async (t, { client, namespace }) => {
    const resource = client.resource(deployments);
    const at = (await resource.create(deployment(namespace, 'web'))).metadata;
    const patched = await resource.patch(at, 'strategic', {
      spec: { template: { spec: { containers: [{ name: 'log', image: 'localhost/knarr/log:1' }] } } },
    });
    const names = patched.spec.template.spec.containers.map(({ name }) => name);
    t.strictSame([...names].sort(), ['log', 'web']);
  });

  scenario('a patch of status leaves the rest alone', async (t, { client, namespace }) => {
    const resource = client.resource(pods);
    const at = (await resource.create(pod(namespace, 'a'))).metadata;
    const patched = await resource.patch(
      at,
      'merge',
      { status: { podIP: '10.244.0.7' } },
      { subresource: 'status' },
    );
    t.equal(patched.status.podIP, '10.244.0.7');
    t.equal(patched.spec.containers.length, 1);
  });
}

function deleteContract(scenario: ClientScenario): void {
  scenario('delete removes at once where nobody holds the object', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const { metadata } = await resource.create(configMap(namespace, 'a'));
    await resource.delete(metadata);
    await rejectsWith(t, 'NotFound', () => resource.get(metadata));
  });

  scenario('delete keeps to its preconditions', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    const before = await resource.create(configMap(namespace, 'a'));
    const after = await resource.update({ ...before, data: { key: 'two' } });
    const at = { namespace, name: 'a' };
    const other = '00000000-0000-0000-0000-000000000000';
    await rejectsWith(t, 'Conflict', () => resource.delete(at, { preconditions: { uid: other } }));
    const { resourceVersion } = before.metadata;
    await rejectsWith(t, 'Conflict', () => resource.delete(at, { preconditions: { resourceVersion } }));
    await resource.delete(at, { preconditions: { uid: after.metadata.uid } });
    await rejectsWith(t, 'NotFound', () => resource.get(at));
  });

  scenario('a finalizer holds a deleted object until it is taken off', async (t, { client, namespace }) => {
    const resource = client.resource(configMaps);
    await resource.create(configMap(namespace, 'a', { finalizers: ['example.com/hold'] }));
    const at = { namespace, name: 'a' };
    await resource.delete(at);
    const held = await resource.get(at);
    t.match(held.metadata.deletionTimestamp, /Z$/);
    await resource.update({ ...held, metadata: { ...held.metadata, finalizers: [] } });
    await rejectsWith(t, 'NotFound', () => resource.get(at));
  });

  scenario('propagation is noted as a finalizer', async (t, { client, namespace }) => {
    const resource = client.resource(deployments);
    for (const [policy, finalizer] of [
      ['Foreground', 'foregroundDeletion'],
      ['Orphan', 'orphan'],
    ] as const) {
      const name = policy.toLowerCase();
      await resource.create(deployment(namespace, name));
      await resource.delete({ namespace, name }, { propagationPolicy: policy });
      // Where a garbage collector runs beside, the object may be gone already; here none does.
      const held = await resource.get({ namespace, name });
      t.strictSame(held.metadata.finalizers, [finalizer]);
      await resource.patch({ namespace, name }, 'merge', { metadata: { finalizers: [] } });
      await rejectsWith(t, 'NotFound', () => resource.get({ namespace, name }));
    }
  });

  scenario(
    'a pod on a node gets its grace period, one without goes at once',
    async (t, { client, namespace }) => {
      const resource = client.resource(pods);
      const free = await resource.create(pod(namespace, 'free'));
      await resource.delete(free.metadata);
      await rejectsWith(t, 'NotFound', () => resource.get(free.metadata));
      const draft = pod(namespace, 'bound');
      draft.spec.nodeName = 'n1';
      const bound = await resource.create(draft);
      await resource.delete(bound.metadata);
      const ending = await resource.get(bound.metadata);
      t.equal(ending.metadata.deletionGracePeriodSeconds, 30);
      t.ok(ending.metadata.deletionTimestamp);
      await resource.delete(bound.metadata, { gracePeriodSeconds: 0 });
      await rejectsWith(t, 'NotFound', () => resource.get(bound.metadata));
    },
  );
}
