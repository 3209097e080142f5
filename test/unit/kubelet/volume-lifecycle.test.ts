/** A Pod's volumes over its life: claims that are not ready, objects that never change, and an end before the Pod's own. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { configMaps, persistentVolumeClaims, persistentVolumes } from '../../../api/resources.js';
import { systemClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { ReferencedObjectCache } from '../../../kubelet/pods/referenced-object-cache.js';
import { isReady, TestNode, until } from '../../support/kubelet.js';
import { makeClaim, makeVolume } from '../../support/storage-objects.js';

const image = 'localhost/knarr/web:1';

const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
const node = new TestNode({ runtime });
t.teardown(() => node.remove());
await node.start();

function folderOf(pod: Pod, plugin: string, volume: string): string {
  return join(node.rootDir, 'pods', pod.metadata.uid, 'volumes', `kubernetes.io~${plugin}`, volume);
}

await t.test('a pod that has ended keeps no volumes', async (t) => {
  const pod = await node.createPod('job', {
    restartPolicy: 'Never',
    containers: [{ name: 'main', image, volumeMounts: [{ name: 'scratch', mountPath: '/x' }] }],
    volumes: [
      { name: 'scratch', emptyDir: {} },
      { name: 'unused', configMap: { name: 'is not there' } },
    ],
  });
  await node.untilPod('job', isReady);
  const scratch = folderOf(pod, 'empty-dir', 'scratch');
  writeFileSync(join(scratch, 'file'), 'x');
  const [container] = await runtime.listContainers();
  runtime.exitContainer(container?.id ?? '', 0);
  await node.untilPod('job', ({ status }) => status.phase === 'Succeeded');
  await until(
    () => (existsSync(scratch) ? undefined : true),
    () => 'the volume is still there',
  );
  t.ok(
    existsSync(join(node.rootDir, 'pods', pod.metadata.uid)),
    'the rest of its files stays as long as it does',
  );
});

await t.test('a claim that is bound later, with a volume of the node', async (t) => {
  const data = join(node.folder, 'data');
  await node.createPod('claiming', {
    containers: [{ name: 'main', image, volumeMounts: [{ name: 'data', mountPath: '/x' }] }],
    volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'c' } }],
  });
  const [event] = await until(
    async () => {
      const events = await node.events('FailedMount');
      return events.length > 0 ? events : undefined;
    },
    () => 'no event',
  );
  t.match(event?.message, /unmounted volumes=\[data\].*error processing PVC default\/c: failed to fetch PVC/);
  const { client } = node;
  const claim = await client
    .resource(persistentVolumeClaims)
    .create(makeClaim('c', { spec: { volumeName: 'v' } }));
  await client.resource(persistentVolumeClaims).updateStatus({ ...claim, status: { phase: 'Bound' } });
  const spec = {
    hostPath: { path: data, type: 'DirectoryOrCreate' as const },
    claimRef: { uid: claim.metadata.uid },
  };
  await client.resource(persistentVolumes).create(makeVolume('v', { spec }));
  await node.untilPod('claiming', isReady, 30_000);
  t.ok(existsSync(data));
});

await t.test('an object that never changes is not listened to', async (t) => {
  const client = createMemoryClient();
  const changed: string[] = [];
  const cache = new ReferencedObjectCache({ client, clock: systemClock, log: silentLogger }, (uids) => {
    changed.push(...uids);
  });
  const maps = client.resource(configMaps);
  const make = (name: string, immutable: boolean): Promise<unknown> =>
    maps.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, namespace: 'default' },
      data: { a: '1' },
      immutable,
    });
  await make('fixed', true);
  await make('open', false);
  t.match(await cache.configMaps.get('default', 'fixed', 'pod-1'), { data: { a: '1' } });
  t.match(await cache.configMaps.get('default', 'open', 'pod-2'), { data: { a: '1' } });
  await maps.delete({ namespace: 'default', name: 'fixed' });
  await until(
    async () => {
      await maps.patch({ namespace: 'default', name: 'open' }, 'merge', {
        data: { a: String(Math.random()) },
      });
      return changed.includes('pod-2') ? true : undefined;
    },
    () => 'the other one was not heard of',
  );
  t.match(
    await cache.configMaps.get('default', 'fixed', 'pod-1'),
    { data: { a: '1' } },
    'what was read stays',
  );
  t.notOk(changed.includes('pod-1'));
  await cache.stop();
});
