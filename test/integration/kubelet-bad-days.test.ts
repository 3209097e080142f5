/** The kubelet with a real containerd on bad days: it dies under load, programs that do not listen, an image that goes. */
import t from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { pods } from '../../api/resources.js';
import { missingForContainerd } from '../support/containerd.js';
import { startContainerdNode } from '../support/containerd-node.js';
import { isReady, isRunning, until } from '../support/kubelet.js';
import { runInOwnNamespaces } from '../support/netns.js';

const image = 'localhost/knarr/web:1';
/** The first process of a namespace has no default handlers: it does not see SIGTERM. */
const deaf = { image, command: ['/bin/sleep', '12345'] };

t.setTimeout(180_000);
const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testBadDays();

async function testBadDays(): Promise<void> {
  const { containerd, runtime, node } = await startContainerdNode();
  const remove = (name: string): Promise<void> =>
    node.client.resource(pods).delete({ namespace: 'default', name });
  const timeoutMs = 60_000;

  await t.test('an ephemeral container sees the processes of its target', async (t) => {
    await node.createPod('debugged', { containers: [{ name: 'main', ...deaf }] });
    await node.untilPod('debugged', isReady, timeoutMs);
    const script = 'tr "\\0" " " < /proc/1/cmdline > /dev/termination-log';
    const debug = { name: 'debug', image, command: ['/bin/sh', '-c', script], targetContainerName: 'main' };
    await node.client
      .resource(pods)
      .patch({ namespace: 'default', name: 'debugged' }, 'merge', { spec: { ephemeralContainers: [debug] } });
    const ended = await node.untilPod(
      'debugged',
      ({ status }) => status.ephemeralContainerStatuses?.[0]?.state?.terminated !== undefined,
      timeoutMs,
    );
    t.match(ended.status.ephemeralContainerStatuses?.[0]?.state?.terminated, {
      exitCode: 0,
      message: '/bin/sleep 12345 ',
    });
    t.ok(isReady(ended));
  });

  await t.test('a program that ignores SIGTERM is ended when its grace is over', async () => {
    await remove('debugged');
    await node.untilGone('debugged', timeoutMs);
  });

  await t.test('a probe that hangs is a failed one', async (t) => {
    const probe = { exec: { command: ['/bin/sleep', '1000'] }, timeoutSeconds: 1, periodSeconds: 1 };
    await node.createPod('hanging', {
      containers: [{ name: 'main', ...deaf, readinessProbe: { ...probe, failureThreshold: 1 } }],
    });
    const running = await node.untilPod('hanging', isRunning, timeoutMs);
    t.notOk(isReady(running));
    const event = await until(
      async () => (await node.events('Unhealthy'))[0],
      () => 'no event',
      timeoutMs,
    );
    t.match(event.message, /Readiness probe failed: command timed out: .* timed out after 1s/);
    await remove('hanging');
    await node.untilGone('hanging', timeoutMs);
  });

  await t.test(
    'containerd is killed while pods run, and others are asked for before it is back',
    async (t) => {
      const livenessProbe = { exec: { command: ['/bin/true'] }, periodSeconds: 1, failureThreshold: 1 };
      const names = (prefix: string): string[] =>
        Array.from({ length: 4 }, (_, index) => `${prefix}-${index}`);
      const create = (name: string): Promise<Pod> =>
        node.createPod(name, { containers: [{ name: 'main', ...deaf, livenessProbe }] });
      const ready = (name: string): Promise<Pod> => node.untilPod(name, isReady, timeoutMs);
      await Promise.all(names('before').map(create));
      const before = await Promise.all(names('before').map(ready));
      await containerd.crash();
      await Promise.all(names('during').map(create));
      // The liveness probes of the pods that run are due meanwhile, and can ask nobody.
      await until(
        async () =>
          (await node.events('Unhealthy')).some(({ message = '' }) => message.includes('errored'))
            ? true
            : undefined,
        () => 'no probe was due',
        timeoutMs,
      );
      await containerd.start();
      await Promise.all(names('during').map(ready));
      const after = await Promise.all(names('before').map(ready));
      t.strictSame(
        after.map(({ status }) => status.containerStatuses?.map(({ containerID }) => containerID)),
        before.map(({ status }) => status.containerStatuses?.map(({ containerID }) => containerID)),
        'what ran runs on',
      );
      t.ok(after.every(({ status }) => status.containerStatuses?.[0]?.restartCount === 0));
      const all = [...names('before'), ...names('during')];
      await Promise.all(all.map(remove));
      for (const name of all) await node.untilGone(name, timeoutMs);
      t.strictSame(await runtime.listPodSandboxes(), []);
    },
  );

  await t.test('an image that is deleted under a running pod is missed at its next start', async (t) => {
    await node.createPod('orphaned', {
      containers: [{ name: 'main', ...deaf, imagePullPolicy: 'IfNotPresent' }],
    });
    await node.untilPod('orphaned', isReady, timeoutMs);
    const found = await runtime.imageStatus(image);
    await runtime.removeImage(found?.id ?? '');
    t.equal(await runtime.imageStatus(image), undefined);
    t.ok(isReady(await node.untilPod('orphaned', isReady)), 'it runs on');
    const [container] = await runtime.listContainers();
    await runtime.stopContainer(container?.id ?? '', 0);
    const waiting = await node.untilPod(
      'orphaned',
      ({ status }) =>
        /^(ErrImagePull|ImagePullBackOff)$/.test(status.containerStatuses?.[0]?.state?.waiting?.reason ?? ''),
      timeoutMs,
    );
    t.match(waiting.status.containerStatuses?.[0]?.lastState?.terminated, { exitCode: 137 });
    await remove('orphaned');
    await node.untilGone('orphaned', timeoutMs);
  });
}
