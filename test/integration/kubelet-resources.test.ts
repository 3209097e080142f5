/** Requests and limits as the kernel keeps them, under a real containerd: weights, quotas, memory, and who dies of it. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { pods } from '../../api/resources.js';
import { createCgroupManager } from '../../kubelet/containers/cgroups.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import { missingForContainerd, startContainerd } from '../support/containerd.js';
import { isReady, TestNode, until } from '../support/kubelet.js';
import { runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';
const mebibyte = 1024 * 1024;

const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testResources();

async function testResources(): Promise<void> {
  const containerd = await startContainerd();
  const runtime = new GrpcRuntime(containerd.endpoint);
  const cgroups = createCgroupManager({ root: containerd.cgroupRoot });
  const node = new TestNode({
    runtime,
    cgroups,
    mounter: systemMounter,
    logLevel: 'error',
    configuration: { evictionHard: { 'memory.available': '100Mi' } },
  });
  t.teardown(async () => {
    await node.remove();
    runtime.close();
    await containerd.stop();
  });
  await node.start();
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
    for (const name of ['limited', 'greedy'])
      await node.client.resource(pods).delete({ namespace: 'default', name });
    for (const name of ['limited', 'greedy']) await node.untilGone(name, 20_000);
    await until(
      async () => ((await cgroups.list()).length === 0 ? true : undefined),
      async () => `cgroups are left: ${(await cgroups.list()).join()}`,
    );
    t.pass();
  });
}
