/** What a person does on the first day, with the real kubectl, the newest and one from 2020. */
import { spawn } from 'node:child_process';
import t from 'tap';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import { startFixture } from '../support/apiserver-fixture.js';
import type { CommandResult } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());

const manifest = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  replicas: 3
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      volumes: [{ name: logs, emptyDir: {} }, { name: config, configMap: { name: settings } }]
      containers:
      - name: web
        image: localhost/knarr/web:1
        ports: [{ containerPort: 80 }]
        env: [{ name: COLOR, valueFrom: { configMapKeyRef: { name: settings, key: color } } }]
        volumeMounts: [{ name: logs, mountPath: /logs }, { name: config, mountPath: /config }]
      - name: tail
        image: localhost/knarr/web:1
        command: [tail, -F, /logs/access.log]
        volumeMounts: [{ name: logs, mountPath: /logs }]
---
apiVersion: v1
kind: ReplicationController
metadata: { name: old }
spec:
  template:
    metadata: { labels: { app: old } }
    spec: { containers: [{ name: web, image: "localhost/knarr/web:1" }] }
---
apiVersion: v1
kind: Service
metadata: { name: web }
spec: { selector: { app: web }, ports: [{ port: 80 }] }
---
apiVersion: v1
kind: Service
metadata: { name: fixed }
spec: { type: NodePort, selector: { app: web }, ports: [{ port: 80, nodePort: 30080 }] }
---
apiVersion: v1
kind: Service
metadata: { name: outside }
spec: { type: ExternalName, externalName: example.com }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: settings }
data: { color: blue }
`;

for (const version of ['v1.35', 'v1.20'] as const) {
  await t.test(`kubectl ${version}`, async (t) => {
    const binary = await unpackTool(version, 'kubectl');
    const namespace = `demo-${version.replace('.', '-')}`;
    const kubectl = (args: string, stdin?: string): Promise<CommandResult> =>
      fixture.kubectl(binary, ['-n', namespace, ...args.split(' ')], stdin);
    const succeeds = async (args: string, pattern: RegExp, stdin?: string): Promise<void> => {
      const { code, stdout, stderr } = await kubectl(args, stdin);
      t.equal(code, 0, `kubectl ${args}${code === 0 ? '' : `: ${stderr}`}`);
      t.match(stdout, pattern);
    };

    await succeeds(`create namespace ${namespace}`, /created/);
    await succeeds('apply -f -', /deployment.apps\/web created[^]*configmap\/settings created/, manifest);
    await succeeds('apply -f -', /deployment.apps\/web unchanged[^]*configmap\/settings unchanged/, manifest);
    await succeeds(
      'apply -f -',
      /deployment.apps\/web configured/,
      manifest.replace('replicas: 3', 'replicas: 4'),
    );
    await succeeds('get deploy web', /web +0\/4 +0 +0/);
    await succeeds('get svc,rc,deploy -o wide', /fixed +NodePort +10\.\S+ +<none> +80:30080\/TCP/);
    await succeeds('get svc fixed -o jsonpath={.spec.ports[0].nodePort}', /^30080$/);
    await succeeds('get deploy web -o yaml', /^ {2}progressDeadlineSeconds: 600$/m);
    await succeeds('get deploy -l app=web -o name', /^deployment.apps\/web\n$/);
    await succeeds('describe deploy web', /StrategyType: +RollingUpdate/);
    await succeeds('describe svc fixed', /NodePort: +<unset> +30080\/TCP/);
    await succeeds('scale deploy/web --replicas=2', /scaled/);
    await succeeds('scale rc/old --replicas=2', /scaled/);
    await succeeds('label deploy web tier=front', /labeled/);
    await succeeds('annotate cm settings note=x', /annotated/);
    await succeeds('set image deploy/web web=localhost/knarr/web:2', /image updated/);
    await succeeds('get deploy web -o jsonpath={.spec.template.spec.containers[*].image}', /web:2 \S+web:1/);
    await succeeds('patch cm settings --type=merge -p {"data":{"color":"red"}}', /patched/);
    await succeeds('create configmap made --from-literal=a=b', /created/);
    await succeeds('create secret generic hidden --from-literal=a=b', /created/);
    await succeeds('create deployment quick --image=x', /created/);
    await succeeds('expose deploy web --name=shown --port=80', /exposed/);
    await succeeds('run single --image=x --restart=Never', /created/);
    await succeeds('get pod single', /single +0\/1 +Pending/);
    await succeeds(
      'create -f -',
      /serviceaccount\/made created/,
      'apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: made }',
    );
    await succeeds('delete pod single', /deleted/);
    await succeeds('delete -f -', /deleted/, manifest);
    await succeeds('explain pod.spec.containers', /KIND: +Pod/);
    await succeeds('api-resources', /^deployments +deploy +apps\/v1 +true +Deployment$/m);
    await succeeds('version', /v1\.35\.0\+knarr/);

    const absent = await kubectl('get cm nothing');
    t.equal(absent.code, 1);
    t.match(absent.stderr, 'Error from server (NotFound): configmaps "nothing" not found');
    const invalid = await kubectl(
      'create -f -',
      'apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { ports: [{ port: 70000 }] }',
    );
    t.match(invalid.stderr, /spec\.ports\[0\]\.port: Invalid value/);
    const misspelt = await kubectl(
      'apply -f -',
      (manifest.split('---')[0] ?? '').replace('replicas: 3', 'replica: 3'),
    );
    t.equal(misspelt.code, 1);
    t.match(misspelt.stderr, /unknown field "(spec\.)?replica"|ValidationError\(Deployment\.spec\)/);
  });
}

await t.test('kubectl get --watch shows changes as they happen', async (t) => {
  const binary = await unpackTool('v1.35', 'kubectl');
  const child = spawn(
    binary,
    ['--kubeconfig', fixture.kubeconfig, 'get', 'configmap', '--watch', '--output-watch-events'],
    {
      env: { HOME: fixture.pki.folder, PATH: '/usr/bin:/bin' },
    },
  );
  let text = '';
  const seen = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`not seen: ${text}`));
    }, 10_000);
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      if (!/DELETED +watched/.test(text)) return;
      clearTimeout(timer);
      resolve();
    });
  });
  const at = '/api/v1/namespaces/default/configmaps';
  await fixture.request('POST', at, { metadata: { name: 'present' } });
  await fixture.request('POST', at, { metadata: { name: 'watched' } });
  const listed = async (): Promise<void> => {
    while (!text.includes('present')) await new Promise((resolve) => child.stdout.once('data', resolve));
  };
  await listed();
  await fixture.request('DELETE', `${at}/watched`);
  await seen;
  t.match(text, /ADDED +watched[^]*DELETED +watched/);
  child.kill();
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
