/** Streams of the official JavaScript client into a pod: logs, exec, attach, port-forward, and files by tar. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import {
  Attach,
  CoreV1Api,
  Cp,
  Exec,
  KubeConfig,
  Log,
  makeInformer,
  PortForward,
} from '@kubernetes/client-node';
import type { V1Pod, V1Status } from '@kubernetes/client-node';
import t from 'tap';
import { TestCluster } from '../support/cluster.js';
import { fetchText } from '../support/traffic.js';
import { until } from '../support/until.js';

const patienceMs = 60_000;
const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
await cluster.up();
const config = new KubeConfig();
config.loadFromFile(cluster.kubeconfig);
const core = config.makeApiClient(CoreV1Api);
const namespace = 'default';
const image = 'localhost/knarr/web:1';

/** Keeps what is written to it. */
class Sink extends Writable {
  text = '';

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

const pod: V1Pod = {
  metadata: { name: 'web' },
  spec: {
    terminationGracePeriodSeconds: 1,
    containers: [
      { name: 'web', image, readinessProbe: { httpGet: { path: '/', port: 8080 } } },
      {
        name: 'echo',
        image,
        stdin: true,
        command: ['sh', '-c', 'while read line; do echo "heard $line"; done'],
      },
    ],
  },
};

const informer = makeInformer(config, '/api/v1/namespaces/default/pods', () =>
  core.listNamespacedPod({ namespace }),
);
const phases: unknown[] = [];
let gone = false;
informer.on('add', ({ status }) => phases.push(status?.phase));
informer.on('update', ({ status }) => phases.push(status?.phase));
informer.on('delete', () => {
  gone = true;
});
await informer.start();
t.teardown(() => informer.stop());
await core.createNamespacedPod({ namespace, body: pod });
await until(
  'the informer shows that the pod is ready',
  () =>
    informer
      .get('web', namespace)
      ?.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True'),
  patienceMs,
);
t.strictSame([...new Set(phases)], ['Pending', 'Running'], 'the informer saw it start');

const followed = new Sink();
let followedToTheEnd = false;
followed.on('finish', () => {
  followedToTheEnd = true;
});

await t.test('Log', async (t) => {
  await new Log(config).log(namespace, 'web', 'web', followed, { follow: true });
  await until('the first line came', () => followed.text.includes('listens on port 8080'), patienceMs);
  const podIp = informer.get('web', namespace)?.status?.podIP ?? '';
  await fetchText(`http://${podIp}:8080/`);
  await until('the line of the request came', () => /url:\//.test(followed.text), patienceMs);
  const tail = await core.readNamespacedPodLog({ namespace, name: 'web', container: 'web', tailLines: 1 });
  t.equal(tail.trim().split('\n').length, 1);
});

/** What a command in the pod wrote, and how it ended. */
async function run(command: string[], input?: string): Promise<[string, string, V1Status]> {
  const [stdout, stderr] = [new Sink(), new Sink()];
  const stdin = new PassThrough();
  const status = await new Promise<V1Status>((resolve, reject) => {
    void new Exec(config)
      .exec(
        namespace,
        'web',
        'web',
        command,
        stdout,
        stderr,
        input === undefined ? null : stdin,
        false,
        resolve,
      )
      .then((socket) => {
        socket.onerror = (error) => {
          reject(new Error(error.message));
        };
        if (input !== undefined) stdin.write(input);
      }, reject);
  });
  return [stdout.text, stderr.text, status];
}

await t.test('Exec', async (t) => {
  const [out, err, ended] = await run(['sh', '-c', 'echo out; echo err >&2']);
  t.strictSame([out, err], ['out\n', 'err\n']);
  t.equal(ended.status, 'Success');
  const [, , failed] = await run(['sh', '-c', 'exit 7']);
  t.match(failed, {
    status: 'Failure',
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: '7' }] },
  });
  const [echoed] = await run(['head', '-n', '1'], 'from stdin\n');
  t.equal(echoed, 'from stdin\n');
});

await t.test('Attach', async (t) => {
  const stdout = new Sink();
  const stdin = new PassThrough();
  const socket = await new Attach(config).attach(namespace, 'web', 'echo', stdout, null, stdin, false);
  stdin.write('hello\n');
  await until('it answered', () => stdout.text === 'heard hello\n', patienceMs);
  t.pass('the process of the container heard');
  socket.close();
});

await t.test('PortForward', async (t) => {
  const forward = new PortForward(config);
  const server = createServer((socket) => {
    void forward.portForward(namespace, 'web', [8080], socket, null, socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  for (let index = 0; index < 3; index += 1)
    t.match(await fetchText(`http://127.0.0.1:${port}/`, patienceMs), 'web version 1');
});

await t.test('Cp', async (t) => {
  // The client begins to copy and does not wait for the end.
  const from = t.testdir({ there: { 'note.txt': 'there and back' }, back: {} });
  const copy = new Cp(config);
  await copy.cpToPod(namespace, 'web', 'web', join(from, 'there'), '/tmp');
  await until(
    'the file is in the pod',
    async () => (await run(['cat', '/tmp/note.txt']))[0] === 'there and back',
    patienceMs,
  );
  const back = join(from, 'back');
  await copy.cpFromPod(namespace, 'web', 'web', 'note.txt', back, '/tmp');
  await until(
    'the file came back',
    async () => (await readFile(join(back, 'note.txt'), 'utf8').catch(() => '')) === 'there and back',
    patienceMs,
  );
  t.pass('a file went to the pod and back');
});

await t.test('all ends with the pod', async (t) => {
  await core.deleteNamespacedPod({ namespace, name: 'web' });
  await until('the log ended', () => followedToTheEnd, patienceMs);
  await until('the informer saw it go', () => gone, patienceMs);
  t.strictSame(informer.list(), []);
});
