/** A cluster that keeps its state in an etcd with TLS and a user, moves away and back, and pulls its images from a registry, both Debian's, on the loopback. */
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3, Range } from 'etcd3';
import t from 'tap';
import type { Test as Tap } from 'tap';
import type { Event, Pod } from '../../api/generated/core-v1.js';
import { ctr } from '../../cli/images/containerd-images.js';
import { TestCluster } from '../support/cluster.js';
import { startEtcd } from '../support/etcd.js';
import { testPki } from '../support/pki.js';
import { startRegistry } from '../support/registry.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;
const folder = mkdtempSync(join(tmpdir(), 'knarr-etcd-access-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});
const pki = await testPki(folder);
const etcd = await startEtcd({
  tls: {
    caFile: pki.authorityFile,
    certFile: pki.certificateFile('apiserver'),
    keyFile: pki.keyFile('apiserver'),
  },
});
t.teardown(() => etcd.stop());
const { certificate, privateKey } = pki.pair('admin');
const hosts = {
  hosts: etcd.endpoint,
  credentials: {
    rootCertificate: Buffer.from(pki.authority),
    certChain: Buffer.from(certificate),
    privateKey: Buffer.from(privateKey),
  },
};
await allowOneUser();
const other = new Etcd3({ ...hosts, auth: { username: 'root', password: 'root-password' } });
t.teardown(() => {
  other.close();
});
const credentialsFile = join(folder, 'credentials');
writeFileSync(credentialsFile, 'knarr:pass:word\n', { mode: 0o600 });
const inEtcd = [
  `--store=etcd=${etcd.endpoint}`,
  `--etcd-cafile=${pki.authorityFile}`,
  `--etcd-certfile=${pki.certificateFile('admin')}`,
  `--etcd-keyfile=${pki.keyFile('admin')}`,
  `--etcd-credentials-file=${credentialsFile}`,
];
const registry = await startRegistry();
t.teardown(() => registry.stop());
const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
const kubectl = await cluster.kubectl('v1.35');

await t.test('what is wrong with the way to etcd is said before anything starts', async (t) => {
  const nobody = 'https://127.0.0.1:1';
  const cases: readonly (readonly [readonly string[], string | RegExp])[] = [
    [['--etcd-cafile=/nowhere/ca.pem'], /--etcd-cafile: ENOENT.*\/nowhere\/ca\.pem/],
    [[`--store=etcd=${etcd.endpoint.replace('https', 'http')}`], /is without TLS: write https:/],
    [[`--store=etcd=${nobody}`], /https:\/\/127\.0\.0\.1:1 \(.*ECONNREFUSED/],
    [[`--etcd-credentials-file=${pki.authorityFile}`], /one line USER:PASSWORD/],
    [['--store=embedded'], /is about etcd, and the store is embedded/],
  ];
  for (const [wrong, message] of cases) {
    const { exitCode, stderr } = await cluster.knarr('up', ...inEtcd, ...wrong);
    t.equal(exitCode, 2, wrong.join(' '));
    t.match(stderr, message, wrong.join(' '));
  }
  t.notOk(existsSync(join(cluster.folder, 'data')), 'nothing was made');
  await cluster.up(...inEtcd);
});

const image = `${registry.host}/shop/web:1`;

/** Who is no root reads and writes the keys of Kubernetes alone. */
async function allowOneUser(): Promise<void> {
  const admin = new Etcd3(hosts);
  await admin.user('root').create('root-password');
  await admin.user('root').addRole('root');
  await admin.role('knarr').create();
  await admin.role('knarr').grant({ permission: 'Readwrite', range: Range.prefix('/registry/') });
  await admin.user('knarr').create('pass:word');
  await admin.user('knarr').addRole('knarr');
  await admin.auth.authEnable();
  admin.close();
}

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
  const keys = await other.getAll().prefix('/registry/').keys();
  for (const key of ['/registry/namespaces/default', '/registry/services/specs/default/kubernetes'])
    t.ok(keys.includes(key), key);
  t.ok(
    keys.some((key) => key.startsWith('/registry/minions/')),
    'the node',
  );
  const shown = await kubectl.run(['get', 'servicecidr,ipaddress']);
  t.match(shown, /servicecidr\.networking\.k8s\.io\/kubernetes +10\.96\.0\.0\/12 /);
  t.match(shown, /ipaddress\.networking\.k8s\.io\/10\.96\.0\.1 +services\/default\/kubernetes /);
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

/** The pod of before, with a container that was started anew: `down` had stopped it. */
async function isBack(t: Tap, uid: string | undefined, restarts: number): Promise<void> {
  const pod = await podUntil('pulled', 'runs again', ({ status }) =>
    (status.containerStatuses ?? []).some(({ ready, restartCount }) => ready && restartCount >= restarts),
  );
  t.equal(pod.metadata.uid, uid);
}

await t.test('down and up without a flag: it is the same etcd, with everything in it', async (t) => {
  const { uid } = (await kubectl.json<Pod>(['get', 'pod', 'pulled'])).metadata;
  await cluster.down();
  await cluster.up();
  await isBack(t, uid, 1);
});

await t.test('the cluster moves to the embedded store and back', async (t) => {
  const { uid } = (await kubectl.json<Pod>(['get', 'pod', 'pulled'])).metadata;
  // Of the etcd that the cluster has, the way to it is known.
  const away = [`--from=etcd=${etcd.endpoint}`, '--to=embedded'];
  const back = ['--from=embedded', `--to=etcd=${etcd.endpoint}`, ...inEtcd.slice(1)];
  const refused = await cluster.knarr('store migrate', ...away);
  t.equal(refused.exitCode, 1, 'not while it runs');
  t.match(refused.stderr, /an apiserver \(.*\) uses the etcd/);

  await cluster.down();
  const moved = await cluster.knarr('store migrate', ...away, '--output=json');
  t.equal(moved.exitCode, 0, moved.stderr);
  t.match(JSON.parse(moved.stdout), { verified: true });
  await other.delete().all();
  await cluster.up('--store=embedded');
  await isBack(t, uid, 2);
  const locked = await cluster.knarr('store migrate', ...back);
  t.equal(locked.exitCode, 1, 'not while it runs');

  await cluster.down();
  const returned = await cluster.knarr('store migrate', ...back, '--output=json');
  t.equal(returned.exitCode, 0, returned.stderr);
  t.match(JSON.parse(returned.stdout), { verified: true });
  await cluster.up(...inEtcd);
  await isBack(t, uid, 3);
  t.ok((await other.getAll().prefix('/registry/pods/default/pulled').keys()).length > 0);
});
