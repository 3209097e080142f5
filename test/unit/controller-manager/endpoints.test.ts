import t from 'tap';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.js';
import { endpoints, endpointSlices, pods, services } from '../../../api/resources.js';
import { endpointSliceController } from '../../../controller-manager/controllers/endpointslice/controller.js';
import { endpointsController } from '../../../controller-manager/controllers/endpoints/controller.js';
import { createNode, createPod, createService, managerRig, setPod } from './manager-rig.js';
import type { ManagerRig } from './manager-rig.js';

const both = [endpointsController, endpointSliceController];

async function shown(rig: ManagerRig): Promise<{ ready: string[]; notReady: string[]; ports: unknown }> {
  const [object] = await rig.list(endpoints);
  const subsets = object?.subsets ?? [];
  return {
    ready: subsets.flatMap(({ addresses }) => addresses ?? []).map(({ ip }) => ip),
    notReady: subsets.flatMap(({ notReadyAddresses }) => notReadyAddresses ?? []).map(({ ip }) => ip),
    ports: subsets[0]?.ports?.map(({ port }) => port),
  };
}

async function slice(rig: ManagerRig): Promise<EndpointSlice> {
  const all = await rig.list(endpointSlices);
  const [only] = all;
  if (only === undefined || all.length !== 1) throw new Error(`${all.length} slices instead of one`);
  return only;
}

void t.test('a pod goes from not ready to ready to terminating to gone', async (t) => {
  const rig = managerRig(t, both);
  await createNode(rig, 'n1');
  await createService(rig, 'web');
  t.strictSame((await slice(rig)).endpoints, [], 'an empty slice says that there is nothing');
  const pod = await createPod(rig, 'a', { ip: '10.244.0.2', ready: false, node: 'n1' });
  t.strictSame(await shown(rig), { ready: [], notReady: ['10.244.0.2'], ports: [8080] });
  await setPod(rig, pod, { ready: true });
  t.strictSame(await shown(rig), { ready: ['10.244.0.2'], notReady: [], ports: [8080] });
  t.strictSame((await slice(rig)).endpoints, [
    {
      addresses: ['10.244.0.2'],
      conditions: { ready: true, serving: true, terminating: false },
      targetRef: { kind: 'Pod', namespace: 'default', name: 'a', uid: pod.metadata.uid },
      nodeName: 'n1',
      zone: 'z1',
    },
  ]);
  await rig.client.resource(pods).delete(pod.metadata);
  await rig.settle();
  t.strictSame((await shown(rig)).ready, []);
  t.strictSame((await slice(rig)).endpoints[0]?.conditions, {
    ready: false,
    serving: true,
    terminating: true,
  });
  await rig.client.resource(pods).delete(pod.metadata, { gracePeriodSeconds: 0 });
  await rig.settle();
  t.strictSame((await slice(rig)).endpoints, []);
});

void t.test('a slice says whose it is', async (t) => {
  const rig = managerRig(t, both);
  const service = await createService(rig, 'web', { clusterIP: 'None' });
  const { metadata, addressType } = await slice(rig);
  t.match(metadata.name, /^web-[a-z0-9]{5}$/);
  t.equal(addressType, 'IPv4');
  t.strictSame(metadata.labels, {
    'kubernetes.io/service-name': 'web',
    'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
    'service.kubernetes.io/headless': '',
  });
  t.match(metadata.ownerReferences, [
    { kind: 'Service', name: 'web', uid: service.metadata.uid, controller: true },
  ]);
});

void t.test('publishNotReadyAddresses', async (t) => {
  const rig = managerRig(t, both);
  await createService(rig, 'web', { publishNotReadyAddresses: true });
  await createPod(rig, 'a', { ip: '10.244.0.2', ready: false });
  t.strictSame((await shown(rig)).ready, ['10.244.0.2']);
  t.strictSame((await slice(rig)).endpoints[0]?.conditions, {
    ready: true,
    serving: false,
    terminating: false,
  });
});

void t.test('named ports may differ from pod to pod', async (t) => {
  const rig = managerRig(t, both);
  await createService(rig, 'web', { ports: [{ port: 80, targetPort: 'http', protocol: 'TCP' }] });
  const withPort = (containerPort: number) => [
    { name: 'web', image: 'web:1', ports: [{ name: 'http', containerPort }] },
  ];
  await createPod(rig, 'a', { ip: '10.244.0.2', ready: true, containers: withPort(8080) });
  await createPod(rig, 'b', { ip: '10.244.0.3', ready: true, containers: withPort(9090) });
  await createPod(rig, 'without', { ip: '10.244.0.4', ready: true });
  const slices = await rig.list(endpointSlices);
  t.strictSame(
    slices
      .map(({ ports, endpoints }) => [ports?.[0]?.port, endpoints.map(({ addresses }) => addresses[0])])
      .sort(),
    [
      [8080, ['10.244.0.2']],
      [9090, ['10.244.0.3']],
    ],
  );
  const [object] = await rig.list(endpoints);
  t.equal(object?.subsets?.length, 2);
});

void t.test('pods that ended, or have no address, are not there', async (t) => {
  const rig = managerRig(t, both);
  await createService(rig, 'web');
  await createPod(rig, 'pending');
  await createPod(rig, 'done', { ip: '10.244.0.2', phase: 'Succeeded' });
  await createPod(rig, 'other', { ip: '10.244.0.3', app: 'other', ready: true });
  t.strictSame((await slice(rig)).endpoints, []);
  t.strictSame(await shown(rig), { ready: [], notReady: [], ports: undefined });
});

void t.test('a pod that changes its labels changes Services', async (t) => {
  const rig = managerRig(t, [endpointsController]);
  await createService(rig, 'web');
  const pod = await createPod(rig, 'a', { ip: '10.244.0.2', ready: true });
  t.strictSame((await shown(rig)).ready, ['10.244.0.2']);
  await rig.client.resource(pods).patch(pod.metadata, 'merge', { metadata: { labels: { app: 'other' } } });
  await rig.settle();
  t.strictSame((await shown(rig)).ready, []);
});

void t.test('what cannot matter causes no write', async (t) => {
  const rig = managerRig(t, both);
  await createService(rig, 'web');
  const pod = await createPod(rig, 'a', { ip: '10.244.0.2', ready: true });
  const before = rig.writes();
  const latest = await rig.client.resource(pods).get(pod.metadata);
  await rig.client.resource(pods).updateStatus({ ...latest, status: { ...latest.status, message: 'hello' } });
  await rig.settle();
  t.equal(rig.writes(), before + 1, 'ours alone');
  await rig.stop();
  rig.start();
  await rig.settle();
  t.equal(rig.writes(), before + 1, 'nor does a restart');
});

void t.test("Services without a selector are their owner's", async (t) => {
  const rig = managerRig(t, both);
  await createService(rig, 'external', { type: 'ExternalName', externalName: 'example.com' });
  const byHand = await rig.client.resource(endpoints).create({
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: { name: 'manual', namespace: 'default' },
    subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80 }] }],
  });
  await rig.settle();
  await createService(rig, 'manual', { selector: {} });
  t.strictSame(await rig.list(endpoints), [byHand], 'made before its Service, and left alone');
  t.strictSame(await rig.list(endpointSlices), []);
});

void t.test('what somebody changes or deletes is restored; what a Service leaves is removed', async (t) => {
  const rig = managerRig(t, both);
  const service = await createService(rig, 'web');
  await createPod(rig, 'a', { ip: '10.244.0.2', ready: true });
  await rig.client.resource(endpoints).delete({ namespace: 'default', name: 'web' });
  const only = await slice(rig);
  await rig.client.resource(endpointSlices).update({ ...only, endpoints: [] });
  await rig.settle();
  t.strictSame((await shown(rig)).ready, ['10.244.0.2']);
  t.equal((await slice(rig)).endpoints.length, 1);
  await rig.client.resource(services).delete(service.metadata);
  await rig.settle();
  t.strictSame(await rig.list(endpoints), []);
});

void t.test('250 pods fill three slices; one of them changing rewrites one', async (t) => {
  const rig = managerRig(t, [endpointSliceController]);
  await rig.stop();
  await createService(rig, 'web');
  let last;
  for (let index = 0; index < 250; index++) {
    last = await createPod(rig, `p${index}`, {
      ip: `10.244.${1 + Math.floor(index / 200)}.${1 + (index % 200)}`,
      ready: true,
    });
  }
  rig.start();
  await rig.settle();
  const sizes = (all: readonly EndpointSlice[]): number[] =>
    all.map(({ endpoints }) => endpoints.length).sort();
  t.strictSame(sizes(await rig.list(endpointSlices)), [100, 100, 50]);
  const before = rig.writes();
  if (last !== undefined) await setPod(rig, last, { ready: false });
  t.equal(rig.writes(), before + 2, 'the pod and its slice');
});
