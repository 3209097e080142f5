import t from 'tap';
import type { Container, Pod, PodSpec } from '../../../api/generated/core-v1.js';
import { cgroupFiles, workingSetBytes } from '../../../kubelet/containers/cgroup-files.js';
import {
  containerResources,
  cpuQuota,
  cpuShares,
  cpuWeight,
  defaultResourcePolicy,
  hugepageSizeName,
  oomScoreAdjust,
  podCgroupLimits,
  qosCpuShares,
} from '../../../kubelet/containers/resources.js';
import type { ResourcePolicy } from '../../../kubelet/containers/resources.js';

const mebibyte = 1024 * 1024;

function pod(spec: Partial<PodSpec>): Pod {
  const metadata = { name: 'p', namespace: 'shop', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], ...spec }, status: {} };
}

function container(
  name: string,
  requests?: Record<string, string>,
  limits?: Record<string, string>,
): Container {
  const resources = { ...(requests && { requests }), ...(limits && { limits }) };
  return { name, resources };
}

const policy: ResourcePolicy = {
  ...defaultResourcePolicy,
  singleProcessOomKill: false,
  cgroupVersion: 2,
  memoryBytes: 1000 * mebibyte,
};

void t.test('shares, quotas and weights', async (t) => {
  t.strictSame([0, 1, 100, 1000, 2500, 1e9].map(cpuShares), [2, 2, 102, 1024, 2560, 262_144]);
  t.strictSame(
    [0, 5, 500, 2000].map((millicores) => cpuQuota(millicores, 100_000)),
    [0, 1000, 50_000, 200_000],
  );
  t.equal(cpuQuota(500, 10_000), 5000);
  t.strictSame([2, 1024, 262_144].map(cpuWeight), [1, 39, 10_000]);
  t.strictSame([65_536, 2 * mebibyte, 1024 * mebibyte].map(hugepageSizeName), ['64KB', '2MB', '1GB']);
});

void t.test('who is killed first when memory is out', async (t) => {
  const exact = { cpu: '1', memory: '100Mi' };
  const small = container('small', { memory: '100Mi' });
  const large = container('large', { memory: '400Mi' });
  const sidecar: Container = { ...container('side', { memory: '10Mi' }), restartPolicy: 'Always' };
  const table: [string, Pod, Container, number][] = [
    ['BestEffort', pod({ containers: [container('a')] }), container('a'), 1000],
    ['Guaranteed', pod({ containers: [container('a', exact, exact)] }), container('a', exact, exact), -997],
    ['a tenth of the memory', pod({ containers: [small] }), small, 900],
    [
      'all of it',
      pod({ containers: [container('a', { memory: '1000Mi' })] }),
      container('a', { memory: '1000Mi' }),
      3,
    ],
    [
      'next to nothing',
      pod({ containers: [container('a', { memory: '1' })] }),
      container('a', { memory: '1' }),
      999,
    ],
    [
      'a sidecar as the first of those it serves',
      pod({ containers: [small, large], initContainers: [sidecar] }),
      sidecar,
      900,
    ],
    [
      'critical for the node',
      pod({ containers: [container('a')], priority: 2_000_001_000 }),
      container('a'),
      -997,
    ],
    [
      'what the pod has beyond its containers is spread',
      pod({ containers: [small, large], resources: { requests: { memory: '700Mi' } } }),
      small,
      800,
    ],
  ];
  for (const [what, subject, one, score] of table) t.equal(oomScoreAdjust(subject, one, policy), score, what);
});

void t.test('what a container may use', async (t) => {
  const limited = container('a', { cpu: '250m', memory: '32Mi' }, { cpu: '500m', memory: '64Mi' });
  t.match(containerResources(pod({ containers: [limited] }), limited, policy), {
    cpuShares: 256,
    cpuQuota: 50_000,
    cpuPeriod: 100_000,
    memoryLimitInBytes: 64 * mebibyte,
    unified: { 'memory.oom.group': '1' },
  });
  const single = { ...policy, singleProcessOomKill: true };
  t.strictSame(containerResources(pod({}), limited, single).unified, {});
  const v1 = { ...policy, cgroupVersion: 1 } as const;
  t.strictSame(containerResources(pod({}), limited, v1).unified, {});
  const unlimited = { ...policy, enforceCpuLimits: false };
  t.equal(containerResources(pod({}), limited, unlimited).cpuQuota, 0);
  const whole = pod({ resources: { limits: { cpu: '2', memory: '128Mi' } } });
  t.match(
    containerResources(whole, container('a'), policy),
    { cpuQuota: 200_000, memoryLimitInBytes: 128 * mebibyte },
    'the limit of the pod holds where the container has none',
  );
  const huge = { ...policy, hugepageSizes: [1024 * mebibyte, 2 * mebibyte] };
  const some = { 'hugepages-2Mi': '4Mi', memory: '64Mi' };
  t.strictSame(containerResources(pod({}), container('a', some, some), huge).hugepageLimits, [
    { pageSize: '1GB', limit: 0 },
    { pageSize: '2MB', limit: 4 * mebibyte },
  ]);
});

void t.test('what a pod may use', async (t) => {
  const limited = container('a', { cpu: '1', memory: '64Mi' }, { cpu: '1', memory: '64Mi' });
  t.match(podCgroupLimits(pod({ containers: [limited] }), { ...policy, podPidsLimit: 100 }), {
    cpuShares: 1024,
    cpuQuota: 100_000,
    memoryLimitBytes: 64 * mebibyte,
    pidsLimit: 100,
  });
  t.match(
    podCgroupLimits(pod({ containers: [limited, container('b')] }), policy),
    { cpuQuota: 0, memoryLimitBytes: 0, pidsLimit: 0 },
    'one container without a limit: none for the pod',
  );
  const limits = { cpu: '2', memory: '128Mi' };
  t.match(
    podCgroupLimits(pod({ containers: [limited, container('b')], resources: { limits } }), policy),
    { cpuQuota: 200_000, memoryLimitBytes: 128 * mebibyte },
    'unless the pod as a whole has one',
  );
  t.match(
    podCgroupLimits(pod({ containers: [limited], overhead: { cpu: '500m', memory: '16Mi' } }), policy),
    {
      cpuShares: 1536,
      cpuQuota: 150_000,
      memoryLimitBytes: 80 * mebibyte,
    },
  );
  t.match(podCgroupLimits(pod({ containers: [container('a')] }), policy), { cpuShares: 2 });
  const burstable = pod({ containers: [container('a', { cpu: '500m' })] });
  t.strictSame(qosCpuShares([burstable, burstable, pod({ containers: [limited] })]), {
    burstable: 1024,
    besteffort: 2,
  });
});

void t.test('the files of a cgroup', async (t) => {
  const limits = {
    cpuShares: 1024,
    cpuQuota: 50_000,
    cpuPeriod: 100_000,
    memoryLimitBytes: 1000,
    pidsLimit: 5,
    hugepages: [{ sizeBytes: 2 * mebibyte, limitBytes: 4096 }],
  };
  const none = { ...limits, cpuQuota: 0, memoryLimitBytes: 0, pidsLimit: 0, hugepages: [] };
  const written = (version: 1 | 2, of: typeof limits): string[] =>
    cgroupFiles(version, of).map(({ controller, name, value }) => `${controller} ${name} ${value}`);
  t.strictSame(written(1, limits), [
    'cpu cpu.shares 1024',
    'cpu cpu.cfs_period_us 100000',
    'cpu cpu.cfs_quota_us 50000',
    'memory memory.limit_in_bytes 1000',
    'pids pids.max 5',
    'hugetlb hugetlb.2MB.limit_in_bytes 4096',
  ]);
  t.strictSame(written(2, limits), [
    'cpu cpu.weight 39',
    'cpu cpu.max 50000 100000',
    'memory memory.max 1000',
    'pids pids.max 5',
    'hugetlb hugetlb.2MB.max 4096',
  ]);
  t.strictSame(written(1, none), [
    'cpu cpu.shares 1024',
    'cpu cpu.cfs_quota_us -1',
    'memory memory.limit_in_bytes -1',
    'pids pids.max max',
  ]);
  t.strictSame(written(2, none), [
    'cpu cpu.weight 39',
    'cpu cpu.max max 100000',
    'memory memory.max max',
    'pids pids.max max',
  ]);
  t.equal(workingSetBytes(1, 1000, 'inactive_file 1\ntotal_inactive_file 300\n'), 700);
  t.equal(workingSetBytes(2, 1000, 'anon 5\ninactive_file 300\n'), 700);
  t.equal(workingSetBytes(2, 100, 'inactive_file 300\n'), 0);
});
