import t from 'tap';
import type { Service, ServiceSpec } from '../../../api/generated/core-v1.js';
import { ClusterIpRange, NodePortRange } from '../../../apiserver/resources/service/address-ranges.js';
import type { ServiceName } from '../../../apiserver/resources/service/address-claims.js';
import { pickFree } from '../../../apiserver/resources/service/pick-free.js';
import { decodePorts, encodePorts, PortClaims } from '../../../apiserver/resources/service/port-claims.js';
import { ServiceAllocator } from '../../../apiserver/resources/service/service-allocator.js';
import { carryAllocations } from '../../../apiserver/resources/service/service-kinds.js';
import { setServiceDefaults } from '../../../apiserver/resources/service/strategy.js';
import { openStore } from '../../../apiserver/storage/backends/registry.js';
import type { Store } from '../../../apiserver/storage/store.js';
import { silentLogger as log } from '../../../common/log.js';
import { UsageError } from '../../../common/usage-error.js';

function service(spec: Partial<ServiceSpec>): Service {
  const made = { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...spec } } as unknown as Service;
  setServiceDefaults(made);
  return made;
}

interface Pool {
  readonly allocator: ServiceAllocator;
  readonly addresses: Map<string, ServiceName>;
  readonly ports: PortClaims;
  readonly reserve: ServiceAllocator['reserve'];
}

async function openMemory(): Promise<Store> {
  const store = await openStore({ backend: 'memory' });
  t.teardown(() => store.close());
  return store;
}

/** An allocator over claims in memory. `unheard` addresses are taken, and this server has not heard of it yet. */
async function makePool(unheard: readonly string[] = []): Promise<Pool> {
  const addresses = new Map<string, ServiceName>();
  const somebody = { namespace: 'elsewhere', name: 'somebody' };
  const nodePorts = new NodePortRange('30000-30003');
  const ports = new PortClaims(await openMemory(), nodePorts);
  const allocator = new ServiceAllocator({
    clusterIps: new ClusterIpRange('10.96.0.0/28'),
    nodePorts,
    addressClaims: {
      isTaken: (address) => addresses.has(address),
      take: async (address, owner) => {
        if (unheard.includes(address)) addresses.set(address, somebody);
        if (addresses.has(address)) return false;
        addresses.set(address, owner);
        return true;
      },
      release: async (address, owner) => {
        if (addresses.get(address)?.name === owner.name) addresses.delete(address);
      },
    },
    portClaims: ports,
    log,
  });
  const reserve: ServiceAllocator['reserve'] = (...args) => allocator.reserve(...args);
  return { allocator, addresses, ports, reserve };
}

async function refusal(reserving: Promise<unknown>): Promise<string> {
  try {
    await reserving;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was thrown';
}

void t.test('numbers: every one is picked once, those for requests last', async (t) => {
  const taken = new Set<number>();
  const pick = (): number | undefined => {
    const number = pickFree({ size: 10, reservedForRequests: 3 }, (one) => taken.has(one), Math.random);
    if (number !== undefined) taken.add(number);
    return number;
  };
  const first = Array.from({ length: 7 }, pick);
  t.ok(first.every((number) => number !== undefined && number >= 3));
  const rest = Array.from({ length: 3 }, pick);
  t.strictSame([...first, ...rest].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.equal(pick(), undefined);
  taken.delete(4);
  t.equal(pick(), 4);
});

void t.test('ranges', async (t) => {
  t.equal(new ClusterIpRange('10.96.0.0/12').first, '10.96.0.1');
  const range = new ClusterIpRange('192.168.255.240/28');
  t.equal(range.contains('192.168.255.240'), false, 'not the address of the network');
  t.equal(range.contains('192.168.255.241'), true);
  t.equal(range.contains('192.168.255.254'), true);
  t.equal(range.contains('192.168.255.255'), false, 'not the broadcast address');
  t.equal(range.contains('10.0.0.1'), false);
  t.equal(range.contains('nonsense'), false);
  for (const wrong of ['10.96.0.0', 'x', '10.96.0.0/31', 'fd00::/108'])
    t.throws(() => new ClusterIpRange(wrong), UsageError, wrong);
  for (const wrong of ['30000', '2-1', '0-9', '1-70000'])
    t.throws(() => new NodePortRange(wrong), UsageError, wrong);
});

void t.test('a Service gets an address, and another one a different one', async (t) => {
  const { reserve } = await makePool();
  const a = service({});
  const b = service({});
  await (await reserve(a, undefined)).commit();
  await (await reserve(b, undefined)).commit();
  t.match(a.spec.clusterIP, /^10\.96\.0\.\d+$/);
  t.not(a.spec.clusterIP, b.spec.clusterIP);
  t.strictSame(a.spec.clusterIPs, [a.spec.clusterIP]);
  t.strictSame(a.spec.ipFamilies, ['IPv4']);
});

void t.test('what another server gave out a moment ago is found out, and another one taken', async (t) => {
  const all = Array.from({ length: 14 }, (_, i) => `10.96.0.${i + 1}`);
  const { reserve } = await makePool(all.filter((address) => address !== '10.96.0.6'));
  const only = service({});
  await reserve(only, undefined);
  t.equal(only.spec.clusterIP, '10.96.0.6');
  t.match(await refusal(reserve(service({}), undefined)), 'range is full');
});

void t.test('headless and ExternalName Services take nothing', async (t) => {
  const { reserve, addresses } = await makePool();
  const headless = service({ clusterIP: 'None' });
  await reserve(headless, undefined);
  t.strictSame(headless.spec.clusterIPs, ['None']);
  const external = service({ type: 'ExternalName', externalName: 'example.com' });
  await reserve(external, undefined);
  t.equal(external.spec.clusterIP, undefined);
  t.equal(addresses.size, 0);
});

void t.test('requested values', async (t) => {
  const { reserve } = await makePool();
  await reserve(service({ clusterIP: '10.96.0.5' }), undefined);
  t.match(
    await refusal(reserve(service({ clusterIP: '10.96.0.5' }), undefined)),
    'failed to allocate IP 10.96.0.5: provided IP is already allocated',
  );
  t.match(await refusal(reserve(service({ clusterIP: '10.97.0.5' }), undefined)), 'not in the valid range');
  const fixed = (): Service => service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] } as never);
  await reserve(fixed(), undefined);
  t.equal(
    await refusal(reserve(fixed(), undefined)),
    'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated',
  );
});

void t.test('one port number serves two protocols of one Service', async (t) => {
  const { reserve, ports } = await makePool();
  const both = service({
    type: 'NodePort',
    ports: [
      { name: 'a', port: 53, protocol: 'UDP', nodePort: 30002 },
      { name: 'b', port: 53, protocol: 'TCP', nodePort: 30002 },
    ],
  });
  await reserve(both, undefined);
  t.same([...(await ports.read())], [30002]);
});

void t.test('what was not written is given back, and a dry run takes nothing', async (t) => {
  const { reserve, ports, addresses } = await makePool();
  const wanted = (nodePort: number): Service =>
    service({ clusterIP: '10.96.0.7', type: 'NodePort', ports: [{ port: 80, nodePort }] } as never);
  for (let round = 0; round < 3; round++) await (await reserve(wanted(30003), undefined)).release();
  // The port is refused: the address that was taken before it must not leak.
  t.match(await refusal(reserve(wanted(1), undefined)), 'not in the valid range');
  const dry = service({ type: 'NodePort' });
  await reserve(dry, undefined, { dryRun: true });
  t.ok(
    dry.spec.clusterIP !== undefined && (dry.spec.ports?.[0]?.nodePort ?? 0) >= 30000,
    'says what it would be',
  );
  t.equal(addresses.size, 0);
  t.same([...(await ports.read())], []);
  await reserve(wanted(30003), undefined);
  t.match(await refusal(reserve(wanted(30003), undefined, { dryRun: true })), 'already allocated');
});

void t.test('a change of type gives back what is no longer needed', async (t) => {
  const { reserve, ports } = await makePool();
  const before = service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] });
  await (await reserve(before, undefined)).commit();
  const after = service({
    type: 'ClusterIP',
    clusterIP: before.spec.clusterIP ?? '',
    ports: [{ port: 80, nodePort: 30000 }],
  });
  carryAllocations(after, before);
  t.equal(after.spec.ports?.[0]?.nodePort, undefined);
  await (await reserve(after, before)).commit();
  t.same([...(await ports.read())], [], 'the port is free again');
});

void t.test('an update that does not mention the allocations keeps them', async (t) => {
  const { reserve, allocator, addresses, ports } = await makePool();
  const before = service({ type: 'NodePort' });
  await (await reserve(before, undefined)).commit();
  const after = service({ type: 'NodePort', ports: [{ port: 81 }] });
  carryAllocations(after, before);
  t.equal(after.spec.clusterIP, before.spec.clusterIP);
  t.equal(after.spec.ports?.[0]?.nodePort, before.spec.ports?.[0]?.nodePort);
  await (await reserve(after, before)).commit();
  t.equal(addresses.size, 1);
  await allocator.released(after);
  t.equal(addresses.size, 0);
  t.same([...(await ports.read())], []);
});

void t.test(
  'the record of ports: as Kubernetes has it, never twice the same bytes, changed by all at once',
  async (t) => {
    const range = new NodePortRange('30000-32767');
    const taken = new Set([30000, 30007, 30008, 32767]);
    const bytes = encodePorts(taken, range);
    t.match(JSON.parse(bytes.toString()), { kind: 'RangeAllocation', range: '30000-32767' });
    t.same([...decodePorts(bytes)].sort(), [...taken].sort());
    t.notOk(bytes.equals(encodePorts(taken, range)));
    // What Go writes: the bytes of a big integer, without leading zeros.
    const fromGo = Buffer.from(
      JSON.stringify({ range: '30000-32767', data: Buffer.from([1, 0x81]).toString('base64') }),
    );
    t.same([...decodePorts(fromGo)], [30000, 30007, 30008]);
    for (const wrong of ['', 'null', '{}', '{"range":"x","data":""}'])
      t.throws(() => decodePorts(Buffer.from(wrong)), { code: 'corrupt' });

    const claims = new PortClaims(await openMemory(), range);
    const chosen = await Promise.all(
      Array.from({ length: 40 }, () =>
        claims.change((set) => {
          const port = range.pick((one) => set.has(one)) ?? 0;
          set.add(port);
          return port;
        }),
      ),
    );
    t.equal(new Set(chosen).size, 40);
    t.same(new Set(chosen), await claims.read());
  },
);
