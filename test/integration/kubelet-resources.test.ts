/** Requests and limits as the kernel keeps them, under a real containerd: weights, quotas, memory, and who dies of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import t from 'tap';
import type { ContainerStatus, Pod, ResourceRequirements } from '../../api/generated/core-v1.js';
import { pods } from '../../api/resources.js';
import { cpuWeight } from '../../kubelet/containers/resources.js';
import { missingForContainerd } from '../support/containerd.js';
import { startContainerdNode } from '../support/containerd-node.js';
import { isReady, until } from '../support/kubelet.js';
import { runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';
const mebibyte = 1024 * 1024;

const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testResources();

async function testResources(): Promise<void> {
  const { runtime, cgroups, node } = await startContainerdNode({
    logLevel: 'error',
    configuration: { evictionHard: { 'memory.available': '100Mi' } },
  });
  const isV1 = cgroups.version === 1;
  const fileOf = (path: string, controller: string, v1: string, v2: string): string =>
    isV1 ? join('/sys/fs/cgroup', controller, path, v1) : join('/sys/fs/cgroup', path, v2);
  const read = (file: string): string => readFileSync(file, 'utf8').trim();

  await t.test('the cgroups of a pod and of its containers hold its requests and limits', async (t) => {
    const spin = ['/bin/sh', '-c', 'exec sleep 1000'];
    const resources = {
      requests: { cpu: '250m', memory: '16Mi' },
      limits: { cpu: '500m', memory: '32Mi' },
    };
    await node.createPod('limited', {
      containers: [
        { name: 'a', image, command: spin, resources },
        { name: 'b', image, command: spin, resources },
      ],
    });
    const pod = await node.untilPod('limited', isReady, 20_000);
    const path = cgroups.pathOf(pod);
    t.match(path, /\/burstable\/pod/);
    t.equal(read(fileOf(path, 'cpu', 'cpu.shares', 'cpu.weight')), isV1 ? '512' : '20');
    t.equal(read(fileOf(path, 'memory', 'memory.limit_in_bytes', 'memory.max')), String(64 * mebibyte));
    t.equal(read(fileOf(path, 'cpu', 'cpu.cfs_quota_us', 'cpu.max')), isV1 ? '100000' : '100000 100000');
    const [container] = await runtime.listContainers();
    const own = join(path, container?.id ?? '');
    t.equal(read(fileOf(own, 'memory', 'memory.limit_in_bytes', 'memory.max')), String(32 * mebibyte));
    t.equal(read(fileOf(own, 'cpu', 'cpu.shares', 'cpu.weight')), isV1 ? '256' : '10');
    const usage = await cgroups.usage(pod);
    t.ok(usage !== undefined && usage.processes >= 3, 'two sleeps and the pause');
    t.ok((usage?.workingSetBytes ?? 0) > 0);
  });

  await t.test('a container that takes more memory than it may is told to be OOMKilled', async (t) => {
    await node.createPod('greedy', {
      restartPolicy: 'Never',
      containers: [
        {
          name: 'main',
          image,
          command: ['/bin/sh', '-c', 'exec tail /dev/zero'],
          resources: { limits: { memory: '16Mi' }, requests: { memory: '16Mi' } },
        },
      ],
    });
    const pod = await node.untilPod('greedy', ({ status }) => status.phase === 'Failed', 20_000);
    const terminated = pod.status.containerStatuses?.[0]?.state?.terminated;
    t.match(terminated, { reason: 'OOMKilled', exitCode: 137 });
  });

  await t.test('a container that runs gets another size; one with a policy is started anew', async (t) => {
    const command = ['/bin/sh', '-c', 'exec sleep 1000'];
    const small = { requests: { cpu: '100m', memory: '16Mi' }, limits: { cpu: '200m', memory: '32Mi' } };
    const large = { requests: { cpu: '250m', memory: '32Mi' }, limits: { cpu: '500m', memory: '64Mi' } };
    const restart = [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }] as const;
    await node.createPod('elastic', {
      containers: [
        { name: 'a', image, command, resources: small },
        { name: 'b', image, command, resources: small, resizePolicy: [...restart] },
      ],
    });
    const before = await node.untilPod('elastic', isReady, 20_000);
    const path = cgroups.pathOf(before);
    const statusOf = (pod: Pod, name: string): ContainerStatus | undefined =>
      pod.status.containerStatuses?.find((status) => status.name === name);
    const kernel = (pod: Pod, name?: string): readonly string[] => {
      const id = name === undefined ? '' : (statusOf(pod, name)?.containerID?.split('//')[1] ?? 'none');
      const own = join(path, id);
      const quota = read(fileOf(own, 'cpu', 'cpu.cfs_quota_us', 'cpu.max')).split(' ')[0] ?? '';
      return [
        read(fileOf(own, 'cpu', 'cpu.shares', 'cpu.weight')),
        quota,
        read(fileOf(own, 'memory', 'memory.limit_in_bytes', 'memory.max')),
      ];
    };
    const weight = (shares: number): string => String(isV1 ? shares : cpuWeight(shares));
    t.strictSame(kernel(before, 'a'), [weight(102), '20000', String(32 * mebibyte)]);
    t.strictSame(kernel(before), [weight(204), '40000', String(64 * mebibyte)]);
    const resize = async (resources: ResourceRequirements, restarts: number): Promise<Pod> => {
      const containers = ['a', 'b'].map((name) => ({ name, resources }));
      await node.client
        .resource(pods)
        .patch({ namespace: 'default', name: 'elastic' }, 'strategic', { spec: { containers } });
      return node.untilPod(
        'elastic',
        (pod) =>
          isReady(pod) &&
          statusOf(pod, 'b')?.restartCount === restarts &&
          ['a', 'b'].every((name) => isDeepStrictEqual(statusOf(pod, name)?.resources, resources)) &&
          !pod.status.conditions?.some(({ type }) => type.startsWith('PodResize')),
        20_000,
      );
    };
    const grown = await resize(large, 1);
    t.equal(statusOf(grown, 'a')?.containerID, statusOf(before, 'a')?.containerID, 'no restart');
    for (const name of ['a', 'b'])
      t.strictSame(kernel(grown, name), [weight(256), '50000', String(64 * mebibyte)], name);
    t.strictSame(kernel(grown), [weight(512), '100000', String(128 * mebibyte)]);
    // What is down may miss the wish; whoever comes up finds it.
    await node.stop();
    const shrinking = resize(small, 2);
    await node.start();
    const shrunk = await shrinking;
    t.equal(statusOf(shrunk, 'a')?.containerID, statusOf(before, 'a')?.containerID);
    for (const name of ['a', 'b'])
      t.strictSame(kernel(shrunk, name), [weight(102), '20000', String(32 * mebibyte)], name);
    t.strictSame(kernel(shrunk), [weight(204), '40000', String(64 * mebibyte)]);
  });

  await t.test('no memory limit comes down on what a container uses', async (t) => {
    // 24 MiB in a volume of memory are its own.
    const script = 'head -c 25165824 /dev/zero > /memory/file; exec sleep 1000';
    const sized = (limit: string): ResourceRequirements => ({
      requests: { memory: '8Mi' },
      limits: { memory: limit },
    });
    await node.createPod('full', {
      containers: [
        {
          name: 'main',
          image,
          command: ['/bin/sh', '-c', script],
          resources: sized('64Mi'),
          volumeMounts: [{ name: 'memory', mountPath: '/memory' }],
        },
      ],
      volumes: [{ name: 'memory', emptyDir: { medium: 'Memory' } }],
    });
    const before = await node.untilPod('full', isReady, 20_000);
    await until(
      async () => (((await cgroups.usage(before))?.usageBytes ?? 0) > 24 * mebibyte ? true : undefined),
      async () => JSON.stringify(await cgroups.usage(before)),
    );
    const resize = (limit: string): Promise<Pod> =>
      node.client.resource(pods).patch({ namespace: 'default', name: 'full' }, 'strategic', {
        spec: { containers: [{ name: 'main', resources: sized(limit) }] },
      });
    await resize('16Mi');
    const refused = await node.untilPod(
      'full',
      ({ status }) => status.conditions?.some(({ reason }) => reason === 'Error') === true,
    );
    t.match(
      refused.status.conditions?.find(({ type }) => type === 'PodResizeInProgress'),
      {
        message:
          /^cannot decrease memory limits: \[attempting to set pod memory limit \(16777216\) below current usage \(\d+\), attempting to set container "main" memory limit/,
      },
    );
    t.strictSame(await cgroups.limits(before), { cpuQuota: 0, memoryLimitBytes: 64 * mebibyte });
    await resize('48Mi');
    const done = await node.untilPod('full', ({ status }) =>
      isDeepStrictEqual(status.containerStatuses?.[0]?.resources, sized('48Mi')),
    );
    t.equal(done.status.containerStatuses?.[0]?.restartCount, 0);
    t.strictSame(await cgroups.limits(before), { cpuQuota: 0, memoryLimitBytes: 48 * mebibyte });
  });

  await t.test('the node tells what it has, and less of it for pods', async (t) => {
    const status = (await node.node())?.status;
    t.ok(
      Number.parseInt(status?.allocatable?.['memory'] ?? '') <
        Number.parseInt(status?.capacity?.['memory'] ?? ''),
    );
    t.equal(status?.capacity?.['pods'], '110');
    if (existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB')) t.ok(status?.capacity?.['hugepages-2Mi']);
  });

  await t.test('no cgroup is left of pods that are gone', async (t) => {
    for (const name of ['limited', 'greedy', 'elastic', 'full'])
      await node.client.resource(pods).delete({ namespace: 'default', name });
    for (const name of ['limited', 'greedy', 'elastic', 'full']) await node.untilGone(name, 20_000);
    await until(
      async () => ((await cgroups.list()).length === 0 ? true : undefined),
      async () => `cgroups are left: ${(await cgroups.list()).join()}`,
    );
    t.pass();
  });
}
