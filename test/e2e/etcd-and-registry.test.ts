/** A cluster that keeps its state in etcd and pulls its images from a registry, both Debian's, on the loopback. */
import { Etcd3 } from 'etcd3';
import t from 'tap';
import type { Event, Pod } from '../../api/generated/core-v1.js';
import { ctr } from '../../cli/images/containerd-images.js';
import { TestCluster } from '../support/cluster.js';
import { startEtcd } from '../support/etcd.js';
import { startRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;
const etcd = await startEtcd();
t.teardown(() => etcd.stop());
const registry = await startRegistry();
t.teardown(() => registry.stop());
const cluster = await TestCluster.prepare([`--store=etcd=${etcd.endpoint}`]);
t.teardown(() => cluster.purge());
await cluster.up();
const kubectl = await cluster.kubectl('v1.35');
const image = `${registry.host}/shop/web:1`;

async function runPod(name: string, podImage: string): Promise<void> {
  const container = { name: 'web', image: podImage, imagePullPolicy: 'Always' };
  const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [container] } };
  await kubectl.run(['create', '-f', '-'], { input: JSON.stringify(pod) });
}

async function podUntil(name: string, what: string, holds: (pod: Pod) => boolean): Promise<Pod> {
  return until(
    `${name} ${what}`,
    async () => {
      const pod = await kubectl.json<Pod>(['get', 'pod', name]);
      return holds(pod) ? pod : undefined;
    },
    patienceMs,
  );
}

async function eventsOf(name: string): Promise<readonly Event[]> {
  const selector = `--field-selector=involvedObject.name=${name}`;
  return (await kubectl.json<{ items: Event[] }>(['get', 'events', selector])).items;
}

function waitingReason(pod: Pod): string | undefined {
  return pod.status.containerStatuses?.[0]?.state?.waiting?.reason;
}

await t.test('the state is in etcd, in the layout of Kubernetes', async (t) => {
  const other = new Etcd3({ hosts: etcd.endpoint });
  t.teardown(() => {
    other.close();
  });
  const keys = await other.getAll().prefix('/registry/').keys();
  for (const key of ['/registry/namespaces/default', '/registry/services/specs/default/kubernetes'])
    t.ok(keys.includes(key), key);
  t.ok(
    keys.some((key) => key.startsWith('/registry/minions/')),
    'the node',
  );
});

await t.test('an image is pulled from a registry', async (t) => {
  await ctr(cluster.containerdSocket, ['images', 'tag', 'localhost/knarr/web:1', image]);
  await ctr(cluster.containerdSocket, ['images', 'push', '--plain-http', image]);
  await ctr(cluster.containerdSocket, ['images', 'rm', image]);
  await runPod('pulled', image);
  const pod = await podUntil('pulled', 'runs', ({ status }) => status.phase === 'Running');
  t.match(pod.status.containerStatuses?.[0]?.imageID, `${registry.host}/shop/web@sha256:`);
  const pulled = await until(
    'the pull is told',
    async () => (await eventsOf('pulled')).find(({ reason }) => reason === 'Pulled'),
    patienceMs,
  );
  t.match(pulled.message, `Successfully pulled image "${image}"`);
});

await t.test('a pull that fails is told: ErrImagePull, then ImagePullBackOff, and why', async (t) => {
  const missing = `${registry.host}/shop/web:nine`;
  await runPod('missing', missing);
  await podUntil('missing', 'failed to pull', (pod) => waitingReason(pod) === 'ErrImagePull');
  await podUntil('missing', 'backs off', (pod) => waitingReason(pod) === 'ImagePullBackOff');
  const failed = await until(
    'the failure is told',
    async () => (await eventsOf('missing')).find(({ message = '' }) => message.includes('not found')),
    patienceMs,
  );
  t.equal(failed.type, 'Warning');
  t.equal(failed.reason, 'Failed');
  t.match(failed.message, `Failed to pull image "${missing}"`);
});

await t.test(
  'down and up: etcd has everything still, and what was there before is not made again',
  async (t) => {
    const { uid } = (await kubectl.json<Pod>(['get', 'pod', 'pulled'])).metadata;
    await cluster.down();
    await cluster.up();
    const pod = await podUntil('pulled', 'runs again', ({ status }) =>
      (status.containerStatuses ?? []).some(({ ready, restartCount }) => ready && restartCount > 0),
    );
    t.equal(pod.metadata.uid, uid);
  },
);
