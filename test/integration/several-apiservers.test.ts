/** Two apiservers, processes of their own, on one etcd: they behave as one. */
import { Etcd3 } from 'etcd3';
import t from 'tap';
import type { ConfigMap, Service } from '../../api/generated/core-v1.js';
import type { Draft } from '../../api/objects.js';
import {
  configMaps,
  endpoints,
  endpointSlices,
  ipAddresses,
  leases,
  namespaces,
  serviceCidrs,
  services,
} from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { decodePorts } from '../../apiserver/resources/service/port-claims.js';
import type { ApiClient } from '../../client/types.js';
import { startTestApiServer } from '../contract/api-client-server.js';
import { startEtcd } from '../support/etcd.js';
import { until } from '../support/until.js';

const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const other = new Etcd3({ hosts: etcd.endpoint });
t.teardown(() => {
  other.close();
});

function start(advertiseAddress: string): ReturnType<typeof startTestApiServer> {
  return startTestApiServer({
    '--storage-backend': 'etcd',
    '--etcd-servers': etcd.endpoint,
    '--advertise-address': advertiseAddress,
    '--service-node-port-range': '30000-30099',
    '--service-cluster-ip-range': '10.96.0.0/24',
  });
}

// At once, on an empty store: both make what every cluster begins with.
const [first, second] = await Promise.all([start('192.0.2.1'), start('192.0.2.2')]);
t.teardown(() => Promise.all([first.stop(), second.stop()]));
const [one, two] = await Promise.all([first.client('admin'), second.client('admin')]);
const at = (name: string): { namespace: string; name: string } => ({ namespace: 'default', name });

function configMap(name: string, text: string): Draft<ConfigMap> {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: at(name), data: { text } };
}

function nodePortService(metadata: { name?: string; generateName?: string }): Draft<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'default', ...metadata },
    spec: { type: 'NodePort', ports: [{ port: 80 }] },
  };
}

await t.test('what is written through one is seen through the other: reads, lists, watches', async (t) => {
  const { resourceVersion } = await two.resource(configMaps).list({ namespace: 'default' });
  const seen: string[] = [];
  const stop = new AbortController();
  const watching = (async () => {
    const options = { namespace: 'default', resourceVersion, signal: stop.signal };
    for await (const event of two.resource(configMaps).watch(options))
      if (event.type !== 'BOOKMARK') seen.push(`${event.type} ${event.object.metadata.name}`);
  })();
  for (let i = 0; i < 20; i++) {
    const written = await one.resource(configMaps).create(configMap(`c${i}`, 'one'));
    const read = await two.resource(configMaps).get(at(`c${i}`));
    t.equal(read.metadata.resourceVersion, written.metadata.resourceVersion, 'read at once');
    const { items } = await two.resource(configMaps).list({ namespace: 'default' });
    t.ok(
      items.some(({ metadata }) => metadata.name === `c${i}`),
      'listed at once',
    );
  }
  await until('the watch sees all', () => seen.length >= 20, 10_000);
  t.same(
    seen.slice(0, 20),
    Array.from({ length: 20 }, (_, i) => `ADDED c${i}`),
  );
  stop.abort();
  await watching;

  const mine = await one.resource(configMaps).get(at('c0'));
  await two.resource(configMaps).update({ ...mine, data: { text: 'two' } });
  const late = one.resource(configMaps).update({ ...mine, data: { text: 'late' } });
  t.ok(isStatusError(await late.catch((error: unknown) => error), 'Conflict'));
});

await t.test('addresses and ports are given out once, whoever is asked', async (t) => {
  const created = await Promise.all(
    Array.from({ length: 60 }, (_, i) =>
      (i % 2 === 0 ? one : two).resource(services).create(nodePortService({ generateName: 'web-' })),
    ),
  );
  const addresses = created.map(({ spec }) => spec.clusterIP);
  const ports = created.map(({ spec }) => spec.ports?.[0]?.nodePort);
  t.equal(new Set(addresses).size, 60, 'each its own address');
  t.equal(new Set(ports).size, 60, 'each its own port');
  t.equal(new Set(created.map(({ metadata }) => metadata.name)).size, 60);

  // The same wish at the same time, through both; what is low in a range is not given out to who asks for any.
  const wish = (client: ApiClient, name: string): Promise<string> => {
    const draft = nodePortService({ name });
    draft.spec.clusterIP = '10.96.0.10';
    draft.spec.ports = [{ port: 80, nodePort: 30003 }];
    return client
      .resource(services)
      .create(draft)
      .then(
        () => 'created',
        (error: unknown) => (isStatusError(error, 'Invalid') ? 'refused' : String(error)),
      );
  };
  const outcomes = await Promise.all([wish(one, 'wish-a'), wish(two, 'wish-b')]);
  t.same(outcomes.sort(), ['created', 'refused']);

  const ranges = (await two.resource(serviceCidrs).list()).items;
  t.match(ranges, [
    {
      metadata: { name: 'kubernetes', finalizers: ['networking.k8s.io/service-cidr-finalizer'] },
      spec: { cidrs: ['10.96.0.0/24'] },
      status: { conditions: [{ type: 'Ready', status: 'True', reason: '' }] },
    },
  ]);
  t.equal(ranges.length, 1);
  const held = (await two.resource(services).list()).items;
  const claims = (await one.resource(ipAddresses).list()).items;
  t.same(
    claims.map(({ metadata, spec }) => `${metadata.name} ${spec.parentRef.name}`).sort(),
    held.map(({ metadata, spec }) => `${spec.clusterIP ?? ''} ${metadata.name}`).sort(),
    'an IPAddress for each, and no other',
  );
  for (const [index, { metadata }] of created.entries())
    await (index % 3 === 0 ? one : two).resource(services).delete(at(metadata.name));
  const left = (await two.resource(services).list()).items;
  t.equal((await one.resource(ipAddresses).list()).items.length, left.length, 'gone with their Services');
  const record = (await other.get('/registry/ranges/servicenodeports').exec()).kvs[0];
  const wanted = left
    .flatMap(({ spec }) => (spec.ports ?? []).map((port) => port.nodePort ?? 0))
    .filter((port) => port > 0);
  t.same([...decodePorts(record?.value ?? Buffer.from(''))].sort(), wanted.sort());
});

await t.test('names: generated ones never meet, given ones once', async (t) => {
  const made = await Promise.all(
    [one, two].map((client) =>
      client
        .resource(namespaces)
        .create({ apiVersion: 'v1', kind: 'Namespace', metadata: { generateName: 'n-' } } as never),
    ),
  );
  t.not(made[0]?.metadata.name, made[1]?.metadata.name);
  const tries = await Promise.allSettled(
    [one, two].map((client) => client.resource(configMaps).create(configMap('only-one', 'x'))),
  );
  t.equal(tries.filter(({ status }) => status === 'fulfilled').length, 1);
});

await t.test('the kubernetes Service leads to both, and to one when the other ends', async (t) => {
  const addressesOf = async (): Promise<string[]> => {
    const { subsets = [] } = await two.resource(endpoints).get(at('kubernetes'));
    return subsets.flatMap(({ addresses = [] }) => addresses.map(({ ip }) => ip)).sort();
  };
  const both = ['192.0.2.1', '192.0.2.2'];
  await until('both are there', async () => (await addressesOf()).join() === both.join(), 25_000);
  const slices = (
    await two
      .resource(endpointSlices)
      .list({ namespace: 'default', labelSelector: 'kubernetes.io/service-name=kubernetes' })
  ).items;
  t.same(slices.flatMap((slice) => slice.endpoints.flatMap((one) => one.addresses)).sort(), both);
  const identities = (
    await two
      .resource(leases)
      .list({ namespace: 'kube-system', labelSelector: 'apiserver.kubernetes.io/identity' })
  ).items;
  t.equal(identities.length, 2, 'a Lease for each server');
  t.match(identities[0], {
    metadata: { name: /^apiserver-/, labels: { 'apiserver.kubernetes.io/identity': 'kube-apiserver' } },
    spec: { holderIdentity: /_/, leaseDurationSeconds: 3600 },
  });
  await first.kill();
  await until('the dead one is missed', async () => (await addressesOf()).join() === '192.0.2.2', 45_000);
  await two.resource(configMaps).create(configMap('alone', 'x'));
});
