import t from 'tap';
import type { Container, Pod, PodCondition, PodSpec, Service } from '../../../api/generated/core-v1.js';
import { fnv1a32, podTemplateHash, safeEncode } from '../../../api/label-hash.js';
import {
  accountedRequests,
  isPodActive,
  isPodAvailable,
  isPodReady,
  podQosClass,
  podRequests,
  withCondition,
} from '../../../api/pod-helpers.js';
import { decodeObject } from '../../../api/schema/decode.js';
import { loadSchema } from '../../../api/schema/load.js';
import { findTargetPort, hasClusterIP, isHeadless, wantsNodePorts } from '../../../api/service-helpers.js';

const schema = loadSchema();

function pod(json: object): Pod {
  return decodeObject<Pod>(schema, 'core/v1.Pod', { metadata: { name: 'p' }, ...json }).object;
}

function container(name: string, cpu: string, more: Partial<Container> = {}): Container {
  return { name, resources: { requests: { cpu } }, ...more };
}

void t.test('readiness, activity, availability', async (t) => {
  const conditions = [{ type: 'Ready', status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' }];
  const ready = pod({ status: { phase: 'Running', conditions } });
  t.ok(isPodReady(ready));
  t.notOk(isPodReady(pod({})));
  t.ok(isPodActive(ready));
  t.notOk(isPodActive(pod({ status: { phase: 'Succeeded' } })));
  t.notOk(isPodActive(pod({ metadata: { name: 'p', deletionTimestamp: '2026-01-01T00:00:00Z' } })));
  const at = Date.parse('2026-01-01T00:00:10Z');
  t.ok(isPodAvailable(ready, 0, at));
  t.ok(isPodAvailable(ready, 10, at));
  t.notOk(isPodAvailable(ready, 11, at));
});

void t.test('setting a condition', async (t) => {
  const old = '2026-01-01T00:00:00Z';
  const now = '2026-01-02T00:00:00Z';
  const before: PodCondition[] = [{ type: 'Ready', status: 'True', reason: 'A', lastTransitionTime: old }];
  t.equal(withCondition(before, { type: 'Ready', status: 'True', reason: 'A' }, now), before, 'unchanged');
  t.strictSame(withCondition(before, { type: 'Ready', status: 'True', reason: 'B' }, now), [
    { type: 'Ready', status: 'True', reason: 'B', lastTransitionTime: old },
  ]);
  t.match(withCondition(before, { type: 'Ready', status: 'False' }, now), [
    { status: 'False', lastTransitionTime: now },
  ]);
  t.equal(withCondition(before, { type: 'Other', status: 'True' }, now).length, 2);
  t.strictSame(withCondition(undefined, { type: 'X', status: 'True' }, now), [
    { type: 'X', status: 'True', lastTransitionTime: now },
  ]);
});

void t.test('what a pod requests', async (t) => {
  const always = { restartPolicy: 'Always' };
  const cases: [string, Partial<PodSpec>, number][] = [
    ['nothing', { containers: [{ name: 'a' }] }, 0],
    ['the sum of containers', { containers: [container('a', '100m'), container('b', '0.2')] }, 300],
    [
      'the greatest init container where that is more',
      { initContainers: [container('i', '1'), container('j', '500m')], containers: [container('a', '100m')] },
      1000,
    ],
    [
      'sidecars beside the containers',
      { initContainers: [container('s', '50m', always)], containers: [container('a', '100m')] },
      150,
    ],
    [
      'an init container beside the sidecars before it',
      {
        initContainers: [container('s', '50m', always), container('i', '1')],
        containers: [container('a', '100m')],
      },
      1050,
    ],
    [
      'an init container without the sidecars after it',
      {
        initContainers: [container('i', '1'), container('s', '50m', always)],
        containers: [container('a', '100m')],
      },
      1000,
    ],
    ['overhead', { containers: [container('a', '100m')], overhead: { cpu: '10m' } }, 110],
    [
      'requests of the pod as a whole',
      { containers: [container('a', '100m')], resources: { requests: { cpu: '1' } } },
      1000,
    ],
  ];
  for (const [name, spec, millicores] of cases)
    t.equal(podRequests(pod({ spec })).cpuMillicores, millicores, name);
  const amounts = podRequests(
    pod({ spec: { containers: [{ resources: { requests: { memory: '1Gi', 'example.com/gpu': 2 } } }] } }),
  );
  t.match(amounts, { memoryBytes: 1024 ** 3, others: { 'example.com/gpu': 2 } });
});

void t.test('a pod whose size changes counts with the greatest of its sizes', async (t) => {
  const cases: [
    what: string,
    allocated: string | undefined,
    actual: string,
    condition: string,
    millicores: number,
  ][] = [
    ['nothing changes', '1', '1', '', 3000],
    ['granted, not there yet', '3', '1', '', 5000],
    ['deferred', '1', '1', 'Deferred', 5000],
    ['infeasible', '1', '1', 'Infeasible', 3000],
    ['on its way down', '1', '4', '', 6000],
    ['a kubelet that tells no allocation', undefined, '4', '', 6000],
  ];
  for (const [what, allocated, actual, reason, millicores] of cases) {
    const wanted = what === 'nothing changes' || what.startsWith('on') || allocated === undefined ? '1' : '3';
    const status = {
      ...(reason === '' ? {} : { conditions: [{ type: 'PodResizePending', status: 'True', reason }] }),
      containerStatuses: [
        {
          name: 'a',
          resources: { requests: { cpu: actual } },
          ...(allocated === undefined ? {} : { allocatedResources: { cpu: allocated } }),
        },
        { name: 'b' },
      ],
    };
    const spec = { containers: [container('a', wanted), container('b', '2')] };
    t.equal(accountedRequests(pod({ spec, status })).cpuMillicores, millicores, what);
    t.equal(accountedRequests(pod({ spec })).cpuMillicores, Number(wanted) * 1000 + 2000, 'without a status');
  }
  const sidecar = pod({
    spec: {
      initContainers: [container('s', '1', { restartPolicy: 'Always' })],
      containers: [container('a', '1')],
    },
    status: { initContainerStatuses: [{ name: 's', resources: { requests: { cpu: '2' } } }] },
  });
  t.equal(accountedRequests(sidecar).cpuMillicores, 3000);
});

void t.test('the class of service', async (t) => {
  const both = { cpu: '1', memory: '1Gi' };
  const cases: [object | undefined, string][] = [
    [undefined, 'BestEffort'],
    [{ requests: { 'example.com/gpu': '1' } }, 'BestEffort'],
    [{ requests: { cpu: '1' } }, 'Burstable'],
    [{ limits: both }, 'Guaranteed'],
    [{ limits: both, requests: { cpu: '1000m', memory: '1Gi' } }, 'Guaranteed'],
    [{ limits: both, requests: { cpu: '500m' } }, 'Burstable'],
    [{ limits: { cpu: '1' } }, 'Burstable'],
  ];
  for (const [resources, expected] of cases)
    t.equal(podQosClass(pod({ spec: { containers: [{ name: 'a', resources }] } }).spec), expected);
  const limits = { cpu: '1', memory: '1Gi' };
  const containers = [{ name: 'a' }, { name: 'b', resources: { requests: { cpu: '100m' } } }];
  const whole = pod({ spec: { containers, resources: { limits, requests: limits } } });
  t.equal(podQosClass(whole.spec), 'Guaranteed', 'what the pod has as a whole counts alone');
});

void t.test('the hash of a template', async (t) => {
  // Published test vectors of FNV-1a.
  t.equal(fnv1a32(''), 0x811c9dc5);
  t.equal(fnv1a32('a'), 0xe40c292c);
  t.equal(fnv1a32('foobar'), 0xbf9cf968);
  t.equal(safeEncode('0123456789'), '456789bcdf');
  const template = { metadata: { labels: { a: '1' } }, spec: { containers: [{ name: 'c' }] } };
  const reordered = { spec: { containers: [{ name: 'c' }] }, metadata: { labels: { a: '1' } } };
  t.equal(podTemplateHash(template), podTemplateHash(reordered));
  t.not(podTemplateHash(template), podTemplateHash(template, 1));
  t.match(podTemplateHash(template), /^[bcdfghjklmnpqrstvwxz2456789]{8,10}$/);
});

void t.test('services', async (t) => {
  const service = (spec: object): Service =>
    decodeObject<Service>(schema, 'core/v1.Service', { spec }).object;
  t.ok(isHeadless(service({ clusterIP: 'None' })));
  t.notOk(hasClusterIP(service({ clusterIP: 'None' })));
  t.ok(hasClusterIP(service({ clusterIP: '10.96.0.1' })));
  t.notOk(hasClusterIP(service({ type: 'ExternalName' })));
  t.ok(wantsNodePorts(service({ type: 'NodePort' })));
  t.ok(wantsNodePorts(service({ type: 'LoadBalancer' })));
  t.notOk(wantsNodePorts(service({ type: 'LoadBalancer', allocateLoadBalancerNodePorts: false })));
  const target = pod({
    spec: {
      containers: [
        { name: 'a', ports: [{ name: 'http', containerPort: 8080, protocol: 'UDP' }] },
        { name: 'b', ports: [{ name: 'http', containerPort: 8081 }] },
      ],
    },
  });
  t.equal(findTargetPort(target, { port: 80 }), 80);
  t.equal(findTargetPort(target, { port: 80, targetPort: 0 }), 80);
  t.equal(findTargetPort(target, { port: 80, targetPort: 8080 }), 8080);
  t.equal(findTargetPort(target, { port: 80, targetPort: 'http' }), 8081);
  t.equal(findTargetPort(target, { port: 80, targetPort: 'http', protocol: 'UDP' }), 8080);
  t.equal(findTargetPort(target, { port: 80, targetPort: 'grpc' }), undefined);
});
