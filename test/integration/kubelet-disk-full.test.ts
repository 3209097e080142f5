/** A pod fills the node's small disk to the last byte: the kubelet says so, evicts the one that wrote, and recovers. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { createCgroupManager } from '../../kubelet/containers/cgroups.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import { missingForContainerd, startContainerd } from '../support/containerd.js';
import { isRunning, TestNode, until } from '../support/kubelet.js';
import { runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';
const mebibyte = 1024 * 1024;

const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testFullDisk();

/** A filesystem of its own at `folder`, on a loop device. The answer takes it away again. */
function mountSmallDisk(folder: string, bytes: number): () => void {
  const files = mkdtempSync(join(tmpdir(), 'knarr-disk-'));
  const file = join(files, 'disk.img');
  writeFileSync(file, '');
  truncateSync(file, bytes);
  execFileSync('mkfs.ext4', ['-q', '-m', '0', file]);
  const device = execFileSync('losetup', ['-f', '--show', file], { encoding: 'utf8' }).trim();
  execFileSync('mount', [device, folder]);
  return () => {
    execFileSync('umount', [folder]);
    execFileSync('losetup', ['-d', device]);
    rmSync(files, { recursive: true });
  };
}

async function testFullDisk(): Promise<void> {
  const containerd = await startContainerd();
  const runtime = new GrpcRuntime(containerd.endpoint);
  const node = new TestNode({
    runtime,
    cgroups: createCgroupManager({ root: containerd.cgroupRoot }),
    mounter: systemMounter,
    evictionIntervalMs: 300,
    configuration: {
      evictionHard: { 'nodefs.available': '20%' },
      evictionPressureTransitionPeriod: '1s',
    },
  });
  const unmount = mountSmallDisk(node.folder, 64 * mebibyte);
  t.teardown(async () => {
    await node.stop();
    runtime.close();
    // Its containers hold the disk.
    await containerd.stop();
    unmount();
    await node.remove();
  });
  await node.start();
  const hasPressure = async (): Promise<string | undefined> =>
    (await node.node())?.status.conditions?.find(({ type }) => type === 'DiskPressure')?.status;
  const untilPressure = (status: string): Promise<true> =>
    until(
      async () => ((await hasPressure()) === status ? true : undefined),
      async () => `DiskPressure is ${String(await hasPressure())}, not ${status}`,
      30_000,
    );

  await t.test('the disk is full, and then it is not', async (t) => {
    await node.createPod('bystander', {
      containers: [{ name: 'main', image, command: ['sleep', '1000'] }],
    });
    await node.untilPod('bystander', isRunning, 20_000);
    await untilPressure('False');
    await node.createPod('writer', {
      containers: [
        {
          name: 'main',
          image,
          command: ['/bin/sh', '-c', 'dd if=/dev/zero of=/data/all bs=64k; exec sleep 1000'],
          volumeMounts: [{ name: 'data', mountPath: '/data' }],
        },
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    });
    await untilPressure('True');
    const over = (pod: Pod): boolean => pod.status.phase === 'Failed';
    const writer = await node.untilPod('writer', over, 30_000);
    t.match(writer.status, {
      reason: 'Evicted',
      message: /^The node was low on resource: ephemeral-storage\. Threshold quantity: \d.*, available: /,
    });
    t.match(
      writer.status.conditions?.find(({ type }) => type === 'DisruptionTarget'),
      { status: 'True', reason: 'TerminationByKubelet' },
    );
    await untilPressure('False');
    t.equal((await node.pod('bystander'))?.status.phase, 'Running', 'who wrote nothing stays');
    await node.createPod('next', { containers: [{ name: 'main', image, command: ['sleep', '1000'] }] });
    await node.untilPod('next', isRunning, 20_000);
  });
}
