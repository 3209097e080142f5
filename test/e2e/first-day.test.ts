/**
 * What people do on their first day, with the real kubectl, newest and oldest: an application is applied unchanged,
 * looked at, reached, changed, rolled forward and back, and deleted.
 */
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Pod, Service } from '../../api/generated/core-v1.js';
import { packageRoot } from '../../common/paths.js';
import { tryCommand } from '../../common/run-command.js';
import { TestCluster } from '../support/cluster.js';
import { newestAndOldestKubectl } from '../support/kubectl.js';
import type { Kubectl } from '../support/kubectl.js';
import { countAnswers, fetchText } from '../support/traffic.js';
import { until } from '../support/until.js';

const manifest = join(packageRoot(), 'test', 'e2e', 'manifests', 'first-day.yaml');
const inShop = ['--namespace', 'shop'];
/** Long enough for a rollout on a busy machine; a healthy one takes seconds. */
const patienceMs = 60_000;

const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
const started = await cluster.up();

for (const version of newestAndOldestKubectl) {
  await t.test(`kubectl ${version}`, async (t) => {
    const kubectl = await cluster.kubectl(version);
    await applies(t, kubectl);
    await looks(t, kubectl);
    await reaches(t, kubectl);
    await readsLogs(t, kubectl);
    await executes(t, kubectl);
    await changes(t, kubectl);
    await rolls(t, kubectl);
    await heals(t, kubectl);
    await deletes(t, kubectl);
  });
}

async function podsOf(kubectl: Kubectl, app: string): Promise<Pod[]> {
  const list = await kubectl.json<{ items: Pod[] }>([...inShop, 'get', 'pods', '-l', `app=${app}`]);
  return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

/** Exactly so many pods, all of them Ready. */
function readyPods(kubectl: Kubectl, app: string, count: number): Promise<Pod[]> {
  return until(
    `${count} pods of ${app} are ready`,
    async () => {
      const pods = await podsOf(kubectl, app);
      return pods.length === count && pods.every(isReady) ? pods : undefined;
    },
    patienceMs,
  );
}

async function service(kubectl: Kubectl, name: string): Promise<Service['spec']> {
  return (await kubectl.json<Service>([...inShop, 'get', 'service', name])).spec;
}

function applies(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('create, then apply', async (t) => {
    t.match(await kubectl.run(['create', '-f', manifest, '--save-config']), /deployment.apps\/web created/);
    const again = await kubectl.run(['apply', '-f', manifest]);
    for (const line of again.trim().split('\n')) t.match(line, /unchanged$/);
    t.match(
      await kubectl.run([...inShop, 'rollout', 'status', 'deployment/web', '--timeout=60s']),
      /successfully/,
    );
    t.equal((await readyPods(kubectl, 'web', 3)).length, 3);
    t.equal((await readyPods(kubectl, 'old-web', 3)).length, 3);
  });
}

function looks(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('get and describe', async (t) => {
    const table = await kubectl.run([...inShop, 'get', 'po,svc,rc,deploy', '-o', 'wide']);
    t.match(table, /pod\/web-\S+\s+2\/2\s+Running\s+0/);
    t.match(table, /service\/elsewhere\s+ExternalName\s+<none>\s+example.com/);
    t.match(table, /service\/web-fixed\s+NodePort\s+\S+\s+<none>\s+80:30080\/TCP/);
    t.match(table, /replicationcontroller\/old-web\s+3\s+3\s+3/);
    t.match(table, /deployment.apps\/web\s+3\/3\s+3\s+3/);
    const port = await kubectl.run([
      ...inShop,
      'get',
      'svc',
      'web-automatic',
      '-o',
      'jsonpath={.spec.ports[0].nodePort}',
    ]);
    t.ok(Number(port) >= 30_000 && Number(port) <= 32_767, `the automatic port is ${port}`);
    const pod = await kubectl.run([...inShop, 'describe', 'pod', '-l', 'app=web']);
    t.match(pod, /GREETING:\s+<set to the key 'greeting' of config map 'web-settings'>/);
    t.match(pod, /Started container log-tail/);
    t.match(
      await kubectl.run([...inShop, 'describe', 'deployment', 'web']),
      /3 desired \| 3 updated \| 3 total \| 3 available/,
    );
    t.match(await kubectl.run(['describe', 'node', started.node]), /Ready\s+True/);
  });
}

function reaches(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('pods and Services answer, spread over the replicas', async (t) => {
    const pods = await podsOf(kubectl, 'web');
    const [first] = pods;
    if (first === undefined) throw new Error('there is no pod');
    const clusterIp = (await service(kubectl, 'web')).clusterIP ?? '';
    for (const { metadata, status } of pods) {
      const address = `http://${status.podIP ?? ''}:8080/`;
      t.match(await fetchText(address), `Welcome from ${metadata.name}`, 'from the host');
      t.match(await inPod(kubectl, first, `wget -qO- ${address}`), metadata.name, 'from a pod');
    }
    t.match(await inPod(kubectl, first, `wget -qO- http://${clusterIp}`), 'Welcome', 'a Service from a pod');
    for (const url of [`http://${clusterIp}/`, `http://${started.nodeIp}:30080/`]) {
      t.equal((await countAnswers(url, 40)).size, 3, `${url} is spread over three pods`);
    }
    const port = (await service(kubectl, 'web-automatic')).ports?.[0]?.nodePort ?? 0;
    t.match(await fetchText(`http://${started.nodeIp}:${port}/`), 'Hello from old-web');
    t.match(await inPod(kubectl, first, 'cat /etc/shop/settings.ini'), 'open = true', 'a ConfigMap as file');
  });
}

function inPod(kubectl: Kubectl, pod: Pod, command: string): Promise<string> {
  return kubectl.run([...inShop, 'exec', pod.metadata.name, '-c', 'server', '--', 'sh', '-c', command]);
}

function readsLogs(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('logs -f follows, through the sidecar and the shared volume', async (t) => {
    const [pod] = await podsOf(kubectl, 'web');
    if (pod === undefined) throw new Error('there is no pod');
    const follower = kubectl.start([...inShop, 'logs', '-f', pod.metadata.name, '-c', 'log-tail']);
    let seen = '';
    follower.stdout?.setEncoding('utf8').on('data', (chunk: string) => (seen += chunk));
    try {
      const ended = await fetchText(`http://${pod.status.podIP ?? ''}:8080/seen-in-the-log`).catch(
        () => 'asked',
      );
      t.equal(ended, 'asked', 'there is no such page');
      await until('the request is in the followed log', () => seen.includes('/seen-in-the-log'), 10_000);
      t.pass('the line came');
    } finally {
      follower.kill();
    }
    const own = await kubectl.run([...inShop, 'logs', pod.metadata.name, '-c', 'server', '--tail=200']);
    t.match(own, 'response:200');
  });
}

function executes(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('exec -it gives a terminal', async (t) => {
    const [pod] = await podsOf(kubectl, 'web');
    const name = pod?.metadata.name ?? '';
    const command = [
      kubectl.path,
      ...kubectl.arguments([...inShop, 'exec', '-it', name, '-c', 'server', '--', 'sh']),
    ];
    const result = await tryCommand('script', ['-qec', command.join(' '), '/dev/null'], {
      input: 'tty; echo sum-$((40+2)); exit 7\n',
      timeoutMs: 30_000,
    });
    t.match(result.stdout, '/dev/pts/');
    t.match(result.stdout, 'sum-42');
    t.equal(result.exitCode, 7, 'the exit code comes back');
  });
}

function changes(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('scale, label, edit', async (t) => {
    await kubectl.run([...inShop, 'scale', 'rc/old-web', '--replicas=1']);
    await kubectl.run([...inShop, 'scale', 'deployment/web', '--replicas=4']);
    t.equal((await readyPods(kubectl, 'old-web', 1)).length, 1);
    t.equal((await readyPods(kubectl, 'web', 4)).length, 4);
    await kubectl.run([...inShop, 'scale', 'deployment/web', '--replicas=3']);
    t.equal((await readyPods(kubectl, 'web', 3)).length, 3);

    await kubectl.run([...inShop, 'label', 'service', 'web', 'tier=front']);
    t.match(await kubectl.run([...inShop, 'get', 'svc', '-l', 'tier=front', '-o', 'name']), 'service/web');

    const edited = await kubectl.run([...inShop, 'edit', 'configmap', 'web-settings'], {
      environment: { KUBE_EDITOR: "sed -i 's/greeting: Welcome/greeting: Ahoy/'" },
    });
    t.match(edited, 'configmap/web-settings edited');
    t.match(
      await kubectl.run([...inShop, 'get', 'cm', 'web-settings', '-o', 'jsonpath={.data.greeting}']),
      'Ahoy',
    );
  });
}

function rolls(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('set image rolls forward, undo rolls back', async (t) => {
    const address = `http://${(await service(kubectl, 'web')).clusterIP ?? ''}/`;
    const rollOut = async (version: string): Promise<void> => {
      const said = await kubectl.run([...inShop, 'rollout', 'status', 'deployment/web', '--timeout=60s']);
      t.match(said, 'successfully rolled out');
      await readyPods(kubectl, 'web', 3);
      // A pod that is ending may be asked for a moment longer, as in every Kubernetes.
      await until(
        `only version ${version} answers`,
        async () => {
          const answers = await countAnswers(address, 20).catch(() => new Map<string, number>());
          return (
            answers.size === 3 &&
            [...answers.keys()].every((answer) => answer.endsWith(`web version ${version}`))
          );
        },
        patienceMs,
      );
    };
    await kubectl.run([...inShop, 'set', 'image', 'deployment/web', 'server=localhost/knarr/web:2']);
    await rollOut('2');
    await kubectl.run([...inShop, 'rollout', 'undo', 'deployment/web']);
    await rollOut('1');
    t.match(await kubectl.run([...inShop, 'rollout', 'history', 'deployment/web']), /REVISION/);
  });
}

function heals(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('a killed process and a deleted pod come back', async (t) => {
    const [pod, other] = await readyPods(kubectl, 'web', 3);
    if (pod === undefined || other === undefined) throw new Error('there are no pods');
    const id = pod.status.containerStatuses?.find(({ name }) => name === 'server')?.containerID;
    const processes = await cluster.containerProcesses();
    const pid = processes.get(id?.replace('containerd://', '') ?? '');
    t.ok(pid, 'the container runs as a process of this machine');
    process.kill(pid ?? 0, 'SIGKILL');
    await until(
      'the container was restarted',
      async () => {
        const now = (await podsOf(kubectl, 'web')).find(({ metadata }) => metadata.uid === pod.metadata.uid);
        return now?.status.containerStatuses?.some(
          ({ name, restartCount }) => name === 'server' && restartCount === 1,
        );
      },
      patienceMs,
    );
    await readyPods(kubectl, 'web', 3);
    const previous = await kubectl.run([...inShop, 'logs', '--previous', pod.metadata.name, '-c', 'server']);
    t.match(previous, 'web version 1 listens', 'the log of the container before');

    await kubectl.run([...inShop, 'delete', 'pod', other.metadata.name]);
    const after = await readyPods(kubectl, 'web', 3);
    t.notOk(
      after.some(({ metadata }) => metadata.uid === other.metadata.uid),
      'a new pod took its place',
    );
  });
}

function deletes(t: Test, kubectl: Kubectl): Promise<unknown> {
  return t.test('delete takes everything along', async (t) => {
    await kubectl.run(['delete', '-f', manifest, '--timeout=90s', '--ignore-not-found'], {
      timeoutMs: 120_000,
    });
    const left = await kubectl.attempt(['get', 'namespace', 'shop']);
    t.match(left.stderr, /namespaces "shop" not found/);
    await until(
      'no container is left',
      async () => (await cluster.containerProcesses()).size === 0,
      patienceMs,
    );
    t.pass('no container is left');
  });
}
