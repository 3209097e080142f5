/**
 * What only newer runtimes can: image volumes, mounts that are read-only all the way down, users of a pod's own, other
 * ways to run containers. Under an older one (Debian's) the same pods are told what is missing.
 */
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Container, Pod, PodSpec, VolumeMount } from '../../api/generated/core-v1.js';
import { runtimeClasses } from '../../api/resources.js';
import { imageMounts, imageSubPaths, whyNot } from '../../kubelet/volumes/image-support.js';
import { missingForContainerd, otherHandler } from '../support/containerd.js';
import { startContainerdNode } from '../support/containerd-node.js';
import { until } from '../support/kubelet.js';
import { run, runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';
const timeoutMs = 30_000;

t.setTimeout(180_000);
const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testNewRuntimes();

async function testNewRuntimes(): Promise<void> {
  const { containerd, runtime, node } = await startContainerdNode({}, () => {
    run('umount', '--recursive', shared);
  });
  const shared = join(containerd.folder, 'shared');
  mkdirSync(shared);
  run('mount', '-t', 'tmpfs', 'shared', shared);
  mkdirSync(join(shared, 'below'));
  run('mount', '-t', 'tmpfs', 'below', join(shared, 'below'));
  const { handlers } = await runtime.features();
  const standard = handlers.find(({ name }) => name === '');

  const container = (script: string, volumeMounts: VolumeMount[] = []): Container => ({
    name: 'main',
    image,
    command: ['/bin/sh', '-c', `(${script}) > /dev/termination-log 2>&1`],
    volumeMounts,
  });
  const untilEnded = async (name: string, spec: Partial<PodSpec>): Promise<Pod> => {
    await node.createPod(name, { restartPolicy: 'Never', ...spec });
    return node.untilPod(
      name,
      ({ status }) => status.containerStatuses?.[0]?.state?.terminated !== undefined,
      timeoutMs,
    );
  };
  const said = ({ status }: Pod): string | undefined =>
    status.containerStatuses?.[0]?.state?.terminated?.message;
  const untilTold = async (reason: string, pod: string): Promise<string> =>
    until(
      async () =>
        (await node.events(reason)).find(({ involvedObject }) => involvedObject.name === pod)?.message,
      () => `no event ${reason} of ${pod}`,
      timeoutMs,
    );

  await t.test('the files of an image as a volume, whole and a part', async (t) => {
    const version = await runtime.version();
    const specOf = (script: string, mount: Partial<VolumeMount>): Partial<PodSpec> => ({
      containers: [container(script, [{ name: 'files', mountPath: '/image', ...mount }])],
      volumes: [{ name: 'files', image: { reference: 'localhost/knarr/web:2' } }],
    });
    const whole = specOf('head -n 1 /image/start; touch /image/x', {});
    const part = specOf('ls /image | grep busybox', { subPath: 'bin' });
    const [imageComplaint, partComplaint] = [whyNot(imageMounts, version), whyNot(imageSubPaths, version)];
    if (imageComplaint !== undefined) {
      await node.createPod('whole', whole);
      t.match(await untilTold('FailedMount', 'whole'), imageComplaint);
      return;
    }
    t.match(said(await untilEnded('whole', whole)), /^#!\/bin\/sh\n.*x: Read-only file system\n$/);
    if (partComplaint === undefined) {
      t.equal(said(await untilEnded('part', part)), 'busybox\n');
      return;
    }
    await node.createPod('part', part);
    t.match(await untilTold('Failed', 'part'), partComplaint);
  });

  await t.test('read-only, and all that is mounted below as well', async (t) => {
    const volumes = [{ name: 'shared', hostPath: { path: shared } }];
    const mount = { name: 'shared', mountPath: '/shared', readOnly: true };
    const script = 'touch /shared/x; touch /shared/below/x && echo written';
    const statusOf = (pod: Pod): unknown => pod.status.containerStatuses?.[0]?.volumeMounts?.[0];
    const plain = await untilEnded('plain', { containers: [container(script, [mount])], volumes });
    t.match(said(plain), /x: Read-only file system\nwritten\n$/);
    t.match(statusOf(plain), { readOnly: true, recursiveReadOnly: 'Disabled' });

    const isThere = standard?.recursiveReadOnlyMounts === true;
    const wish = [container(script, [{ ...mount, recursiveReadOnly: 'IfPossible' }])];
    const possible = await untilEnded('possible', { containers: wish, volumes });
    t.equal(said(possible)?.includes('written'), !isThere);
    t.match(statusOf(possible), { recursiveReadOnly: isThere ? 'Enabled' : 'Disabled' });

    const demand = [container(script, [{ ...mount, recursiveReadOnly: 'Enabled' }])];
    if (isThere) {
      const enabled = await untilEnded('enabled', { containers: demand, volumes });
      t.match(said(enabled), /shared\/x: Read-only file system\n.*below\/x: Read-only file system\n$/);
      t.match(statusOf(enabled), { readOnly: true, recursiveReadOnly: 'Enabled' });
      return;
    }
    await node.createPod('enabled', { containers: demand, volumes });
    t.match(
      await untilTold('Failed', 'enabled'),
      /requested recursive read-only mode, but it is not supported by the runtime/,
    );
  });

  await t.test('users of its own, and volumes whose files are theirs', async (t) => {
    const spec = {
      hostUsers: false,
      containers: [
        container('cat /proc/self/uid_map; touch /data/x && stat -c %u:%g /data/x; cat /etc/hostname', [
          { name: 'data', mountPath: '/data' },
        ]),
      ],
      volumes: [{ name: 'data', emptyDir: {} }],
    };
    if (standard?.userNamespaces === true) {
      const pod = await untilEnded('users', spec);
      t.match(said(pod), /^\s+0\s+65536\s+65536\n0:0\nusers\n$/);
      return;
    }
    await node.createPod('users', spec);
    t.match(
      await untilTold('FailedCreatePodSandBox', 'users'),
      /RuntimeClass handler "" does not support user namespaces/,
    );
  });

  await t.test('another way to run containers, by its RuntimeClass', async (t) => {
    for (const handler of [otherHandler, 'none'])
      await node.client.resource(runtimeClasses).create({
        apiVersion: 'node.k8s.io/v1',
        kind: 'RuntimeClass',
        metadata: { name: handler },
        handler,
      });
    await node.createPod('nowhere', { runtimeClassName: 'none', containers: [container('true')] });
    t.match(await untilTold('FailedCreatePodSandBox', 'nowhere'), /none/);
    const pod = await untilEnded('other', {
      runtimeClassName: otherHandler,
      containers: [container('echo fine')],
    });
    t.equal(said(pod), 'fine\n');
    const { uid } = pod.metadata;
    const [sandbox] = await runtime.listPodSandboxes({ labels: { 'io.kubernetes.pod.uid': uid } });
    t.ok(
      existsSync(join(containerd.folder, 'runc', otherHandler, 'k8s.io', sandbox?.id ?? '')),
      'in its way',
    );
    if (handlers.length > 0)
      t.strictSame(
        (await node.node())?.status.runtimeHandlers?.map(({ name }) => name),
        ['', 'other', 'runc'],
      );
  });
}
