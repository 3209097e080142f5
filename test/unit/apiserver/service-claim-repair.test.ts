/** The claims on addresses and ports are held to what the Services say. */
import t from 'tap';
import type { Service } from '../../../api/generated/core-v1.js';
import { ipAddresses, services } from '../../../api/resources.js';
import { repairServiceClaims } from '../../../apiserver/bootstrap/repair-service-claims.js';
import { endpointsOf, slicesOf } from '../../../apiserver/bootstrap/kubernetes-service.js';
import { AddressClaims } from '../../../apiserver/resources/service/address-claims.js';
import { NodePortRange } from '../../../apiserver/resources/service/address-ranges.js';
import { PortClaims } from '../../../apiserver/resources/service/port-claims.js';
import { openStore } from '../../../apiserver/storage/backends/registry.js';
import { ResourceStorage } from '../../../apiserver/storage/resource-storage.js';
import { WatchCache } from '../../../apiserver/storage/watch-cache.js';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger as log } from '../../../common/log.js';

void t.test('a store of an older version, and a server that ended half-way', async (t) => {
  const store = await openStore({ backend: 'memory' });
  const cache = new WatchCache(store, { log });
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  const clock = new ManualClock();
  const serviceStorage = new ResourceStorage(services, { store, cache });
  const addressStorage = new ResourceStorage(ipAddresses, { store, cache });
  const addressClaims = new AddressClaims(() => addressStorage, clock);
  const portClaims = new PortClaims(store, new NodePortRange('30000-30099'));
  const claims = { services: serviceStorage, addressClaims, portClaims, clock, log };
  const owner = { namespace: 'default', name: 'web' };
  await serviceStorage.create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { ...owner, uid: 'u', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { type: 'NodePort', clusterIP: '10.96.0.5', ports: [{ port: 80, nodePort: 30005 }] },
  } as unknown as Service);
  await addressClaims.take('10.96.0.9', { namespace: 'default', name: 'never-written' });
  await addressClaims.take('10.96.0.8', owner);
  await portClaims.change((taken) => {
    taken.add(30009);
  });
  const held = async (): Promise<string[]> =>
    (await addressClaims.list()).map(({ metadata }) => metadata.name).sort();
  const ports = async (): Promise<number[]> => [...(await portClaims.read())].sort();

  const unowned = await repairServiceClaims(claims, new Set());
  t.same(
    await held(),
    ['10.96.0.5', '10.96.0.8', '10.96.0.9'],
    'what is missing is claimed, what is young is kept',
  );
  t.same(await ports(), [30005, 30009]);
  t.same([...unowned], [30009]);

  clock.advance(61_000);
  await repairServiceClaims(claims, unowned);
  t.same(await held(), ['10.96.0.5'], 'what nobody has is given back, and a second address of a Service');
  t.same(await ports(), [30005]);
  stop.abort();
  await running;
  await store.close();
});

void t.test('endpoints of the kubernetes Service, from the servers that are there', async (t) => {
  const same = [
    { ip: '192.0.2.2', port: 6443 },
    { ip: '192.0.2.1', port: 6443 },
  ];
  t.match(endpointsOf(same).subsets, [
    { addresses: [{ ip: '192.0.2.1' }, { ip: '192.0.2.2' }], ports: [{ port: 6443 }] },
  ]);
  t.match(slicesOf(same), [
    { metadata: { name: 'kubernetes' }, endpoints: [{}, {}], ports: [{ port: 6443 }] },
  ]);
  const lab = [{ ip: '127.0.0.1', port: 7443 }, ...same];
  t.equal(endpointsOf(lab).subsets?.length, 2);
  t.same(
    slicesOf(lab).map(({ metadata }) => metadata.name),
    ['kubernetes', 'kubernetes-7443'],
  );
});
