/** Static Pods: manifests, mirrors, and what becomes of both when one of them changes. */
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { pods } from '../../../api/resources.js';
import { loadSchema } from '../../../api/schema/load.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { decideMirror } from '../../../kubelet/pods/mirror-pods.js';
import { readManifest } from '../../../kubelet/pods/read-manifest.js';
import type { ManifestOrigin } from '../../../kubelet/pods/read-manifest.js';
import { isMirrorPod, isStaticPod } from '../../../kubelet/pods/static-pod.js';
import { AwayClient } from '../../support/away-client.js';
import { isReady, TestNode, until } from '../../support/kubelet.js';

const image = 'localhost/knarr/web:1';
const origin: ManifestOrigin = {
  source: 'file',
  place: '/manifests/web.yaml',
  nodeName: 'node-1',
  seenAt: '2026-01-01T12:00:00Z',
  schema: loadSchema(),
};

const manifest = (extra = '', port = 80): string => `apiVersion: v1
kind: Pod
metadata: { name: web, labels: { app: web } }
spec:
  containers: [{ name: main, image: '${image}', ports: [{ containerPort: ${port} }] }]
${extra}`;

void t.test('a manifest becomes a pod of this node', async (t) => {
  const [pod] = readManifest(manifest(), origin);
  t.match(pod, {
    metadata: { name: 'web-node-1', namespace: 'default', labels: { app: 'web' }, uid: /^[0-9a-f]{32}$/ },
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'main', ports: [{ containerPort: 80, protocol: 'TCP' }] }],
      tolerations: [{ operator: 'Exists', effect: 'NoExecute' }],
    },
  });
  t.equal(pod?.metadata.annotations?.['kubernetes.io/config.hash'], pod?.metadata.uid);
  t.equal(pod?.metadata.annotations?.['kubernetes.io/config.source'], 'file');
  t.ok(pod !== undefined && isStaticPod(pod) && !isMirrorPod(pod));
  const uid = (text: string, place = origin.place) =>
    readManifest(text, { ...origin, place })[0]?.metadata.uid;
  t.equal(uid(manifest()), pod?.metadata.uid, 'the same text, the same pod');
  t.not(uid(manifest('', 81)), pod?.metadata.uid, 'an edited one is another');
  t.not(uid(manifest(), '/manifests/other.yaml'), pod?.metadata.uid);
  const list = JSON.stringify({
    kind: 'PodList',
    apiVersion: 'v1',
    items: [{ spec: pod?.spec, metadata: { name: 'a' } }],
  });
  t.equal(readManifest(list, { ...origin, source: 'http' }).length, 1);
});

void t.test('manifests that cannot be used say why', async (t) => {
  const rows: [string, string, RegExp][] = [
    ['nothing', '', /empty/],
    ['no YAML', '{ apiVersion: v1', /./],
    ['no object', 'just text', /no object/],
    [
      'another kind',
      'apiVersion: apps/v1\nkind: Deployment',
      /v1 Pod is needed, and this is apps\/v1 Deployment/,
    ],
    ['two of them', `${manifest()}---\n${manifest()}`, /one document/],
    ['a wrong type', 'kind: Pod\nspec: { containers: [{ name: 5 }] }', /name/],
    ['no containers', 'kind: Pod\nmetadata: { name: a }\nspec: {}', /spec.containers/],
    [
      'a secret',
      manifest('  volumes: [{ name: a, secret: { secretName: b } }]'),
      /may not reference secrets/,
    ],
    ['an account', manifest('  serviceAccountName: robot'), /may not reference serviceaccounts/],
    ['a list in a file', 'kind: List\nitems: []', /one Pod/],
  ];
  for (const [name, text, message] of rows)
    t.throws(() => readManifest(text, origin), { name: 'ManifestError', message }, name);
});

void t.test('what is to be done about a mirror', async (t) => {
  const [wanted] = readManifest(manifest(), origin) as [Pod];
  const mirror = (hash: string, deleted = false): Pod => ({
    ...wanted,
    metadata: {
      ...wanted.metadata,
      annotations: { 'kubernetes.io/config.mirror': hash },
      ...(deleted ? { deletionTimestamp: '2026-01-01T12:00:00Z' } : {}),
    },
  });
  const { uid } = wanted.metadata;
  t.equal(decideMirror(wanted, undefined), 'create');
  t.equal(decideMirror(wanted, mirror(uid)), 'nothing');
  t.equal(decideMirror(wanted, mirror(uid, true)), 'delete');
  t.equal(decideMirror(wanted, mirror('of the text before')), 'delete');
  t.equal(decideMirror(undefined, mirror(uid)), 'delete');
  t.equal(decideMirror(undefined, undefined), 'nothing');
});

interface World {
  readonly node: TestNode;
  readonly runtime: MemoryRuntime;
  readonly away: AwayClient;
  readonly put: (text: string | undefined) => void;
  readonly running: () => Promise<number>;
}

async function world(t: Test): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-manifests-'));
  const manifests = join(folder, 'manifests');
  mkdirSync(manifests);
  const client = createMemoryClient();
  const away = new AwayClient(client);
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
  const configuration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: manifests,
    fileCheckFrequency: '200ms',
  };
  const node = new TestNode({ client, kubeletClient: away, runtime, configuration });
  t.teardown(async () => {
    away.comeBack();
    await node.remove();
    rmSync(folder, { recursive: true });
  });
  return {
    node,
    runtime,
    away,
    put: (text) => {
      const path = join(manifests, 'web.yaml');
      if (text === undefined) rmSync(path);
      else {
        writeFileSync(join(folder, 'new'), text);
        renameSync(join(folder, 'new'), path);
      }
    },
    running: async () => (await runtime.listContainers()).filter(({ state }) => state === 'running').length,
  };
}

void t.test('a pod from a folder has a mirror, which comes back, changes and goes with it', async (t) => {
  const { node, put, running } = await world(t);
  put(manifest());
  await node.start();
  const mirror = await node.untilPod('web-node-1', isReady);
  t.match(mirror.metadata, {
    annotations: { 'kubernetes.io/config.source': 'file' },
    ownerReferences: [{ kind: 'Node', name: 'node-1', controller: true }],
  });
  t.equal(
    mirror.metadata.annotations?.['kubernetes.io/config.mirror'],
    mirror.metadata.annotations?.['kubernetes.io/config.hash'],
  );
  const client = node.client.resource(pods);
  await client.delete({ namespace: 'default', name: 'web-node-1' });
  const again = await node.untilPod(
    'web-node-1',
    (pod) => isReady(pod) && pod.metadata.uid !== mirror.metadata.uid,
  );
  t.strictSame(again.status.containerStatuses, mirror.status.containerStatuses, 'nothing happened to it');
  put('kind: nonsense');
  put(manifest('', 81));
  const edited = await node.untilPod(
    'web-node-1',
    (pod) => isReady(pod) && pod.spec.containers[0]?.ports?.[0]?.containerPort === 81,
  );
  t.not(edited.status.containerStatuses?.[0]?.containerID, again.status.containerStatuses?.[0]?.containerID);
  t.equal(await running(), 1);
  put(undefined);
  await node.untilGone('web-node-1');
  t.equal(await running(), 0);
});

void t.test('a static pod starts without an apiserver, and is told of when there is one', async (t) => {
  const { node, away, put, running, runtime } = await world(t);
  away.leave();
  put(manifest());
  await node.start();
  await until(
    async () => ((await running()) === 1 ? true : undefined),
    () => 'nothing runs',
  );
  await node.stop();
  const calls = runtime.calls.length;
  await node.start();
  away.comeBack();
  await node.untilPod('web-node-1', isReady);
  t.strictSame(runtime.calls.slice(calls), [], 'the second kubelet found what the first had started');
});

void t.test('a pod from a URL, with headers', async (t) => {
  let answer: string | undefined = JSON.stringify({
    kind: 'PodList',
    items: [{ metadata: { name: 'web' }, spec: { containers: [{ name: 'main', image }] } }],
  });
  const server = createServer((request, response) => {
    response.statusCode = request.headers['x-key'] === 'open' && answer !== undefined ? 200 : 503;
    response.end(answer);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const runtime = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
  const configuration = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodURL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/pods`,
    staticPodURLHeader: { 'x-key': ['open'] },
    httpCheckFrequency: '50ms',
  };
  const node = new TestNode({ runtime, configuration });
  t.teardown(async () => {
    await node.remove();
    server.closeAllConnections();
    server.close();
  });
  await node.start();
  const pod = await node.untilPod('web-node-1', isReady);
  t.equal(pod.metadata.annotations?.['kubernetes.io/config.source'], 'http');
  answer = undefined;
  await once(server, 'request');
  answer = JSON.stringify({ kind: 'PodList', items: [] });
  await node.untilGone('web-node-1');
});
