/** Processes are killed under traffic, the supervisor too, and the machine is taken down and up again. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { arch } from 'node:os';
import { basename, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { goArchitecture } from '../../cli/images/containerd-images.js';
import { ociArchive } from '../../cli/images/oci-image.js';
import { buildShippedImages } from '../../cli/images/shipped-images.js';
import { packageRoot } from '../../common/paths.js';
import { TestCluster } from '../support/cluster.js';
import { fetchText, Traffic } from '../support/traffic.js';
import { until } from '../support/until.js';

const manifest = join(packageRoot(), 'test', 'e2e', 'manifests', 'first-day.yaml');
const patienceMs = 60_000;
/** Three pods of a Deployment and three of a ReplicationController, two containers and a sandbox each. */
const expected = { pods: 6, tasks: 18 } as const;

const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
const { nodeIp } = await cluster.up();
const kubectl = await cluster.kubectl('v1.35');
await kubectl.run(['apply', '-f', manifest]);
await readyPods();
const url = `http://${nodeIp}:30080/`;

async function pods(): Promise<Pod[]> {
  return (await kubectl.json<{ items: Pod[] }>(['get', 'pods', '--namespace=shop'])).items;
}

async function readyPods(): Promise<Pod[]> {
  return until(
    'all pods are ready',
    async () => {
      const found = await pods();
      const ready = found.filter(({ status }) =>
        status.conditions?.some(({ type, status: is }) => type === 'Ready' && is === 'True'),
      );
      return found.length === expected.pods && ready.length === expected.pods ? found : undefined;
    },
    patienceMs,
  );
}

/** What must not change when a process of Knarr dies: which pods there are, and what runs in them. */
async function whatRuns(): Promise<unknown> {
  const found = await pods();
  return {
    pods: found.map(({ metadata }) => metadata.uid).sort(),
    restarts: found.flatMap(({ status }) => (status.containerStatuses ?? []).map((one) => one.restartCount)),
    processes: [...(await cluster.containerProcesses())].sort(),
  };
}

for (const name of [
  'scheduler',
  'controller-manager',
  'kubelet',
  'proxy',
  'cni',
  'containerd',
  'apiserver',
]) {
  await t.test(`kill -9 of the ${name} under traffic`, async (t) => {
    const before = await whatRuns();
    const pid = await cluster.pidOf(name);
    const traffic = new Traffic(url);
    t.teardown(() => traffic.stop());
    process.kill(pid, 'SIGKILL');
    await until(
      `the supervisor brought the ${name} back`,
      async () => {
        const now = (await cluster.status()).processes.find((process) => process.name === name);
        return now?.state === 'running' && now.pid !== pid && now.restarts >= 1;
      },
      patienceMs,
    );
    await until(
      'the apiserver answers',
      async () => (await kubectl.attempt(['get', '--raw=/readyz'])).exitCode === 0,
      patienceMs,
    );
    await readyPods();
    const { answered, failures } = await traffic.stop();
    t.ok(answered > 0, `${answered} requests were answered`);
    t.same(failures, [], 'none failed');
    t.same(await whatRuns(), before, 'nothing was restarted or made twice');
  });
}

await t.test('a change that was made while the kubelet was away arrives', async (t) => {
  process.kill(await cluster.pidOf('kubelet'), 'SIGKILL');
  await kubectl.run(['scale', '--namespace=shop', 'deployment/web', '--replicas=4']);
  await until('a fourth pod is ready', async () => readyReplicas(4), patienceMs);
  await kubectl.run(['scale', '--namespace=shop', 'deployment/web', '--replicas=3']);
  await readyPods();
  t.pass('scaled up and down again');
});

async function readyReplicas(count: number): Promise<boolean> {
  const text = await kubectl.run([
    'get',
    '--namespace=shop',
    'deployment/web',
    '-o',
    'jsonpath={.status.readyReplicas}',
  ]);
  return Number(text) === count;
}

await t.test('kill -9 of the supervisor takes nobody along, and up adopts what runs', async (t) => {
  await until('every process runs', async () => (await cluster.status()).running, patienceMs);
  const before = (await cluster.status()).processes.filter(({ name }) => name !== 'supervisor');
  const traffic = new Traffic(url);
  t.teardown(() => traffic.stop());
  process.kill(await cluster.pidOf('supervisor'), 'SIGKILL');
  const orphaned = await cluster.status();
  t.notOk(orphaned.running, 'status says that the supervisor is missing');
  t.same(
    orphaned.processes.filter(({ state }) => state !== 'running').map(({ name }) => name),
    ['supervisor'],
  );
  await cluster.up();
  const after = (await cluster.status()).processes.filter(({ name }) => name !== 'supervisor');
  t.same(
    after.map(({ name, pid }) => ({ name, pid })),
    before.map(({ name, pid }) => ({ name, pid })),
    'the same processes run on',
  );
  t.same((await traffic.stop()).failures, []);
  const pid = await cluster.pidOf('scheduler');
  process.kill(pid, 'SIGKILL');
  await until(
    'an adopted process is restarted as well',
    async () => {
      const now = (await cluster.status()).processes.find(({ name }) => name === 'scheduler');
      return now?.state === 'running' && now.pid !== pid;
    },
    patienceMs,
  );
});

await t.test('up on a running cluster changes nothing and says so', async (t) => {
  const before = await whatRuns();
  t.equal((await cluster.up()).alreadyRunning, true);
  t.same(await whatRuns(), before);
  const other = await cluster.knarr('up', '--cluster-cidr=10.99.0.0/16');
  t.equal(other.exitCode, 2);
  t.match(other.stderr, /running with --cluster-cidr 10.244.0.0\/16: run knarr down first/);
});

await t.test('a user loads an image from a gzipped file and runs it', async (t) => {
  const file = join(t.testdir(), 'mine.tar.gz');
  const busybox = {
    binary: readFileSync('/bin/busybox'),
    commands: ['sh', 'echo'],
    architecture: goArchitecture(arch()),
  };
  const [image] = (await buildShippedImages(busybox)).slice(1);
  if (image === undefined) throw new Error('no image was built');
  writeFileSync(file, gzipSync(await ociArchive([{ ...image, name: 'example.test/mine:3' }])));
  const loaded = await cluster.knarr('image load', file);
  t.equal(loaded.stdout, 'loaded example.test/mine:3\n', loaded.stderr);
  t.match((await cluster.knarr('image ls')).stdout, 'example.test/mine:3');
  const run = [
    'run',
    'mine',
    '--image=example.test/mine:3',
    '--restart=Never',
    '--',
    'sh',
    '-c',
    'echo it runs',
  ];
  await kubectl.run(run);
  await until(
    'it ran',
    async () => (await kubectl.attempt(['logs', 'mine'])).stdout === 'it runs\n',
    patienceMs,
  );
  await kubectl.run(['delete', 'pod', 'mine']);
  const damaged = join(t.testdirName, 'damaged.tar');
  writeFileSync(damaged, 'rubbish');
  const refused = await cluster.knarr('image load', damaged);
  t.equal(refused.exitCode, 2);
  t.match(refused.stderr, 'damaged.tar is not a tar archive of an image');
});

await t.test('knarr startup asks the kubelet through the API server', async (t) => {
  const { exitCode, stdout, stderr } = await cluster.knarr('startup', '--output=json');
  t.equal(exitCode, 0, stderr);
  t.match(JSON.parse(stdout), {
    nodes: [{ report: { kind: 'StartupReport', mode: 'Adaptive', queue: [] } }],
  });
});

/** Its first image is there; nobody listens where the second one is to come from. */
const criticalPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'first', namespace: 'default' },
  spec: {
    priorityClassName: 'system-node-critical',
    terminationGracePeriodSeconds: 0,
    containers: [
      { name: 'web', image: 'localhost/knarr/web:1' },
      { name: 'absent', image: '127.0.0.1:9/absent:1' },
    ],
  },
};

await t.test('reboot rehearsal: down, then up, and everything is back once', async (t) => {
  await kubectl.run(['apply', '-f', '-'], { input: JSON.stringify(criticalPod) });
  await kubectl.run(['wait', 'pod/first', '--for=condition=PodScheduled', '--timeout=60s']);
  const saved = join(cluster.folder, 'data', 'kubelet', 'pod-checkpoints');
  await until(
    'the kubelet has saved the critical pod',
    () =>
      readdirSync(saved).some((name) =>
        readFileSync(join(saved, name), 'utf8').includes('127.0.0.1:9/absent'),
      ),
    patienceMs,
  );
  const before = (await pods()).map(({ metadata }) => metadata.uid).sort();
  await cluster.down();
  t.same(podDevices(), [], 'no pod has a network device while it is down');
  await cluster.down();
  t.pass('down again is fine');
  const up = await cluster.knarr('up', '--output=json');
  t.equal(up.exitCode, 0, up.stderr);
  const { alreadyRunning, stages } = JSON.parse(up.stdout) as {
    alreadyRunning: boolean;
    stages: { name: string; detail: string }[];
  };
  t.equal(alreadyRunning, false);
  const prewarm = stages.find(({ name }) => name === 'prewarm');
  t.match(prewarm?.detail, /^1 of 2 images of 1 static and critical pods, \d+\.\d MiB read$/);
  t.match(up.stderr, /prewarm: 127\.0\.0\.1:9\/absent:1: .*connection refused/);
  const left = readdirSync(join(cluster.folder, 'run')).filter((name) => name.startsWith('prewarm'));
  t.same(left, [], 'no mount is left');
  await kubectl.run(['delete', 'pod', 'first', '--wait']);
  const after = await readyPods();
  t.same(after.map(({ metadata }) => metadata.uid).sort(), before, 'the same pods');
  const counts = async (): Promise<unknown> => ({
    tasks: (await cluster.containerProcesses()).size,
    devices: podDevices().length,
    addresses: reservedAddresses().length,
  });
  t.same(
    await counts(),
    { tasks: expected.tasks, devices: expected.pods, addresses: expected.pods },
    'no container, network device or address is left over',
  );
  await until(
    'the Service answers',
    () =>
      fetchText(url).then(
        () => true,
        () => false,
      ),
    patienceMs,
  );
});

/** Devices on the pod bridge. */
function podDevices(): string[] {
  const root = '/sys/class/net';
  return readdirSync(root).filter((device) => {
    const master = join(root, device, 'master');
    return existsSync(master) && basename(readlinkSync(master)) === 'knarr0';
  });
}

/** host-local keeps a file per address, named like it. */
function reservedAddresses(): string[] {
  return readdirSync(join(cluster.folder, 'data', 'cni', 'state'), { recursive: true })
    .map((path) => basename(String(path)))
    .filter((name) => /^\d+\.\d+\.\d+\.\d+$/.test(name));
}
