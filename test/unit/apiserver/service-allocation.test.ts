import t from 'tap';
import type { Service, ServiceSpec } from '../../../api/generated/core-v1.js';
import { ClusterIpRange, NodePortRange } from '../../../apiserver/resources/service/address-ranges.js';
import { IndexAllocator } from '../../../apiserver/resources/service/index-allocator.js';
import { ServiceAllocator } from '../../../apiserver/resources/service/service-allocator.js';
import { carryAllocations } from '../../../apiserver/resources/service/service-kinds.js';
import { setServiceDefaults } from '../../../apiserver/resources/service/strategy.js';
import { UsageError } from '../../../common/usage-error.js';

function service(spec: Partial<ServiceSpec>): Service {
  const made = { metadata: { name: 'web' }, spec: { ports: [{ port: 80 }], ...spec } } as unknown as Service;
  setServiceDefaults(made);
  return made;
}

function allocator(cidr = '10.96.0.0/28', ports = '30000-30003'): ServiceAllocator {
  return new ServiceAllocator({
    clusterIps: new ClusterIpRange(cidr),
    nodePorts: new NodePortRange(ports),
  });
}

const message = (call: () => unknown): string => {
  try {
    call();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was thrown';
};

void t.test('numbers: every one is handed out once, those for requests last', async (t) => {
  const numbers = new IndexAllocator({ size: 10, reservedForRequests: 3 });
  const first = Array.from({ length: 7 }, () => numbers.takeNext());
  t.ok(first.every((number) => number !== undefined && number >= 3));
  const rest = Array.from({ length: 3 }, () => numbers.takeNext());
  t.strictSame([...first, ...rest].sort(), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.equal(numbers.takeNext(), undefined);
  numbers.release(4);
  t.equal(numbers.takeNext(), 4);
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
  const pool = allocator();
  const a = service({});
  const b = service({});
  pool.reserve(a, undefined).commit();
  pool.reserve(b, undefined).commit();
  t.match(a.spec.clusterIP, /^10\.96\.0\.\d+$/);
  t.not(a.spec.clusterIP, b.spec.clusterIP);
  t.strictSame(a.spec.clusterIPs, [a.spec.clusterIP]);
  t.strictSame(a.spec.ipFamilies, ['IPv4']);
});

void t.test('headless and ExternalName Services take nothing', async (t) => {
  const pool = allocator('10.96.0.0/28');
  const headless = service({ clusterIP: 'None' });
  pool.reserve(headless, undefined).commit();
  t.strictSame(headless.spec.clusterIPs, ['None']);
  const external = service({ type: 'ExternalName', externalName: 'example.com' });
  pool.reserve(external, undefined).commit();
  t.equal(external.spec.clusterIP, undefined);
});

void t.test('requested values', async (t) => {
  const pool = allocator();
  pool.reserve(service({ clusterIP: '10.96.0.5' }), undefined).commit();
  t.match(
    message(() => pool.reserve(service({ clusterIP: '10.96.0.5' }), undefined)),
    'failed to allocate IP 10.96.0.5: provided IP is already allocated',
  );
  t.match(
    message(() => pool.reserve(service({ clusterIP: '10.97.0.5' }), undefined)),
    'not in the valid range',
  );
  const fixed = { type: 'NodePort', ports: [{ port: 80, nodePort: 30001 }] } as const;
  pool.reserve(service(structuredClone(fixed) as unknown as ServiceSpec), undefined).commit();
  t.equal(
    message(() => pool.reserve(service(structuredClone(fixed) as unknown as ServiceSpec), undefined)),
    'Service "web" is invalid: spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated',
  );
});

void t.test('one port number serves two protocols of one Service', async (t) => {
  const both = service({
    type: 'NodePort',
    ports: [
      { name: 'a', port: 53, protocol: 'UDP', nodePort: 30002 },
      { name: 'b', port: 53, protocol: 'TCP', nodePort: 30002 },
    ],
  });
  allocator().reserve(both, undefined).commit();
  t.pass('accepted');
});

void t.test('what was not written is given back', async (t) => {
  const pool = allocator();
  const wanted = {
    clusterIP: '10.96.0.7',
    type: 'NodePort',
    ports: [{ port: 80, nodePort: 30003 }],
  } as const;
  for (let round = 0; round < 3; round++)
    pool.reserve(service(structuredClone(wanted) as unknown as ServiceSpec), undefined).release();
  // The port is refused: the address that was taken before it must not leak.
  const wrong = { ...wanted, ports: [{ port: 80, nodePort: 1 }] };
  message(() => pool.reserve(service(structuredClone(wrong)), undefined));
  pool.reserve(service(structuredClone(wanted) as unknown as ServiceSpec), undefined).commit();
  t.pass('still free');
});

void t.test('a change of type gives back what is no longer needed', async (t) => {
  const pool = allocator();
  const before = service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] });
  pool.reserve(before, undefined).commit();
  const after = service({
    type: 'ClusterIP',
    clusterIP: before.spec.clusterIP ?? '',
    ports: [{ port: 80, nodePort: 30000 }],
  });
  carryAllocations(after, before);
  t.equal(after.spec.ports?.[0]?.nodePort, undefined);
  pool.reserve(after, before).commit();
  pool.reserve(service({ type: 'NodePort', ports: [{ port: 80, nodePort: 30000 }] }), undefined).commit();
  t.pass('the port is free again');
});

void t.test('an update that does not mention the allocations keeps them', async (t) => {
  const pool = allocator();
  const before = service({ type: 'NodePort' });
  pool.reserve(before, undefined).commit();
  const after = service({ type: 'NodePort', ports: [{ port: 81 }] });
  carryAllocations(after, before);
  t.equal(after.spec.clusterIP, before.spec.clusterIP);
  t.equal(after.spec.ports?.[0]?.nodePort, before.spec.ports?.[0]?.nodePort);
});

void t.test('at start, what is in the store is taken', async (t) => {
  const pool = allocator();
  pool.restore([
    service({ clusterIP: '10.96.0.9', type: 'NodePort', ports: [{ port: 80, nodePort: 30002 }] }),
    service({ clusterIP: 'None' }),
  ]);
  t.match(
    message(() => pool.reserve(service({ clusterIP: '10.96.0.9' }), undefined)),
    'already allocated',
  );
  pool.released(service({ clusterIP: '10.96.0.9' }));
  pool.reserve(service({ clusterIP: '10.96.0.9' }), undefined).commit();
  t.pass('free after the Service is gone');
});
