/** The kubelet with the real apiserver, in the identity of its node: registration, status writes, graceful deletion. */
import t from 'tap';
import { leases, nodes, pods } from '../../api/resources.js';
import { createRestClient } from '../../client/rest-client.js';
import { systemClock } from '../../common/clock.js';
import { MemoryRuntime } from '../../kubelet/cri/memory-runtime.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { isReady, TestNode, until } from '../support/kubelet.js';

const image = 'localhost/knarr/web:1';

const api = await startFixture();
const client = createRestClient({
  connection: { kubeconfig: await api.pki.kubeconfig('kubelet', api.url) },
  userAgent: 'test-kubelet',
});
const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
const node = new TestNode({ client, runtime, logLevel: 'warn' });
t.teardown(async () => {
  await node.remove();
  await client.close();
  await api.stop();
});

await t.test('the node registers itself, reports and renews its lease', async (t) => {
  await node.start();
  const registered = await until(
    async () => {
      const found = await node.node();
      return found?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') ===
        true
        ? found
        : undefined;
    },
    async () => JSON.stringify((await node.node())?.status.conditions),
  );
  t.match(registered.status, { daemonEndpoints: { kubeletEndpoint: { Port: node.port } } });
  t.ok(registered.status.capacity?.['cpu']);
  const lease = await until(
    async () => (await client.resource(leases).list({ namespace: 'kube-node-lease' })).items[0],
    () => 'no lease',
  );
  t.match(lease, {
    metadata: { name: 'node-1' },
    spec: { holderIdentity: 'node-1', leaseDurationSeconds: 40 },
  });
});

await t.test('a pod runs, crashes, loses its sandbox, and is deleted', async (t) => {
  await until(
    async () => ((await api.request('GET', '/api/v1/namespaces/default')).status === 200 ? true : undefined),
    () => 'no default namespace',
  );
  await node.createPod('web', { containers: [{ name: 'web', image }] });
  const first = await node.untilPod('web', isReady);
  t.equal(first.status.phase, 'Running');
  const restarts = async (count: number): Promise<void> => {
    const pod = await node.untilPod(
      'web',
      (one) => isReady(one) && one.status.containerStatuses?.[0]?.restartCount === count,
    );
    t.strictSame(pod.status.podIPs, [{ ip: pod.status.podIP }]);
    t.equal(pod.status.conditions?.length, 5, 'one condition of each type');
  };
  const [container] = await runtime.listContainers();
  runtime.exitContainer(container?.id ?? '', 1);
  await restarts(1);
  await node.stop();
  for (const { id } of await runtime.listPodSandboxes()) runtime.loseSandbox(id);
  await node.start();
  await restarts(2);
  await client.resource(pods).delete({ namespace: 'default', name: 'web' });
  await node.untilGone('web');
  t.strictSame(await runtime.listPodSandboxes(), []);
});

await t.test('what others write into the status is put right', async (t) => {
  await node.createPod('web', { containers: [{ name: 'web', image }] });
  await node.untilPod('web', isReady);
  const status = { conditions: [{ type: 'Ready', status: 'False', reason: 'NodeNotReady' }] };
  const at = { namespace: 'default', name: 'web' };
  await client.resource(pods).patch(at, 'strategic', { status }, { subresource: 'status' });
  const again = await node.untilPod('web', isReady);
  t.equal(again.status.phase, 'Running');
  await client.resource(pods).delete(at);
  await node.untilGone('web');
});

await t.test('a node that somebody deleted registers again', async (t) => {
  const before = await node.node();
  await client.resource(nodes).delete({ name: 'node-1' });
  const after = await until(
    async () => {
      const found = await node.node();
      return found !== undefined && found.metadata.uid !== before?.metadata.uid ? found : undefined;
    },
    () => 'the node is not back',
  );
  t.equal(after.metadata.name, 'node-1');
  t.strictSame(api.errors, []);
});
