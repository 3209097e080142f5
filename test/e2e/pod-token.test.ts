/** A program in a pod talks to the apiserver: with the token, the certificate and the address that it finds there. */
import { request as httpsRequest } from 'node:https';
import t from 'tap';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/until.js';

const mountPath = '/var/run/secrets/kubernetes.io/serviceaccount';

const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
await cluster.up();
const kubectl = await cluster.kubectl('v1.35');
const inPod = (...command: string[]): Promise<string> => kubectl.run(['exec', 'client', '--', ...command]);

await t.test('a pod starts with a token', async (t) => {
  await kubectl.run(['run', 'client', '--image=localhost/knarr/web:1', '--image-pull-policy=IfNotPresent']);
  await kubectl.run(['wait', '--for=condition=Ready', 'pod/client', '--timeout=60s']);
  t.equal(await inPod('cat', `${mountPath}/namespace`), 'default');
  t.match(await inPod('ls', '-l', `${mountPath}/..data/token`), /^-rw-r--r--/);
});

await t.test('the address in its environment answers', async (t) => {
  const script = 'nc -w 5 "$KUBERNETES_SERVICE_HOST" "$KUBERNETES_SERVICE_PORT" </dev/null && echo reached';
  t.equal(await inPod('sh', '-c', script), 'reached\n');
});

await t.test('the token opens the apiserver, whose certificate it can check', async (t) => {
  const [token, ca, host] = await Promise.all([
    inPod('cat', `${mountPath}/token`),
    inPod('cat', `${mountPath}/ca.crt`),
    inPod('sh', '-c', 'echo "$KUBERNETES_SERVICE_HOST"'),
  ]);
  const ask = (bearer: string): Promise<{ code: number; text: string }> =>
    get({ host: host.trim(), ca, token: bearer, path: '/api/v1/namespaces/default/pods/client' });
  const answer = await ask(token);
  t.equal(answer.code, 200);
  t.match(JSON.parse(answer.text), { kind: 'Pod', metadata: { name: 'client' } });
  t.equal((await ask(`${token}x`)).code, 401);
  await kubectl.run(['delete', 'pod', 'client', '--grace-period=1']);
  // What was believed a moment ago is looked at again after ten seconds.
  await until(
    'the token of the deleted pod is refused',
    async () => ((await ask(token)).code === 401 ? true : undefined),
    30_000,
  );
});

await t.test('kubectl create token', async (t) => {
  const token = (await kubectl.run(['create', 'token', 'default', '--duration=30m'])).trim();
  const [, payload = ''] = token.split('.');
  t.match(JSON.parse(Buffer.from(payload, 'base64url').toString()), {
    sub: 'system:serviceaccount:default:default',
  });
  const refused = await kubectl.attempt(['create', 'token', 'nobody']);
  t.match(refused.stderr, /serviceaccounts "nobody" not found/);
});

interface Question {
  readonly host: string;
  readonly ca: string;
  readonly token: string;
  readonly path: string;
}

/** As a client in the cluster asks: the name is checked against the certificate. */
function get({ host, ca, token, path }: Question): Promise<{ code: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = { host: 'kubernetes.default', authorization: `Bearer ${token}` };
    const options = { host, port: 443, path, ca, headers, servername: 'kubernetes.default', agent: false };
    const asked = httpsRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject).on('end', () => {
        resolve({ code: response.statusCode ?? 0, text });
      });
    });
    asked.on('error', reject).end();
  });
}
