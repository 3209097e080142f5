/**
 * Applications as Helm releases on a whole cluster: the chart that helm itself makes, hooks and tests, an upgrade that
 * fails and goes back, and a namespace with five releases that are upgraded one after another while all answer.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Pod, Service } from '../../api/generated/core-v1.js';
import { TestCluster } from '../support/cluster.js';
import { Helm } from '../support/helm.js';
import { fetchText, Traffic } from '../support/traffic.js';
import { until } from '../support/until.js';

/** Long enough for a rollout on a busy machine; a healthy one takes seconds. */
const patienceMs = 60_000;
const patiently = ['--wait', '--timeout=60s'];
const image = ['--set=image.repository=localhost/knarr/web', '--set=service.port=8080'];

const cluster = await TestCluster.prepare();
t.teardown(() => cluster.purge());
await cluster.up();
const kubectl = await cluster.kubectl('v1.35');
const folder = t.testdir();
const helm = await Helm.of('v4.1', cluster.kubeconfig, join(folder, 'v4'));
await helm.bringCharts();

/**
 * Makes helm's own chart and fits it to this cluster: its test asks the Service by name from busybox, here by variable
 * from the image that is there; helm v3 has the port of nginx in it.
 */
async function createChart(by: Helm, release: string): Promise<void> {
  await by.run('create', 'plain');
  const templates = join(by.folder, 'plain', 'templates');
  const host = `$(${release.toUpperCase()}_PLAIN_SERVICE_HOST)`;
  await replaceIn(join(templates, 'tests', 'test-connection.yaml'), [
    ['image: busybox', 'image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"'],
    ['{{ include "plain.fullname" . }}:{{', `${host}:{{`],
  ]);
  await replaceIn(join(templates, 'deployment.yaml'), [
    ['containerPort: 80', 'containerPort: {{ .Values.service.port }}'],
  ]);
}

async function replaceIn(file: string, changes: readonly (readonly [string, string])[]): Promise<void> {
  let text = await readFile(file, 'utf8');
  for (const [from, to] of changes) text = text.replace(from, to);
  await writeFile(file, text);
}

async function clusterIp(namespace: string, name: string): Promise<string> {
  const { spec } = await kubectl.json<Service>(['get', 'service', `--namespace=${namespace}`, name]);
  return spec.clusterIP ?? '';
}

async function pods(namespace: string): Promise<Pod[]> {
  return (await kubectl.json<{ items: Pod[] }>(['get', 'pods', `--namespace=${namespace}`])).items;
}

/**
 * Only pods of this version answer. Those that end may be asked for a moment longer, and a Pod that is Ready is asked a
 * moment later, when the rules of the Service have followed: helm waits for neither, as in every Kubernetes.
 */
async function answersOnly(address: string, words: string): Promise<void> {
  await until(
    `only "${words}" answers at ${address}`,
    async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => fetchText(address))).catch(() => []);
      return answers.length > 0 && answers.every((answer) => answer.includes(words));
    },
    patienceMs,
  );
}

/** After an uninstall only what hooks made is there, which helm leaves. */
async function onlyHooksLeft(t: Test, namespace: string, hooks: readonly string[]): Promise<void> {
  const kinds = 'all,configmaps,secrets,serviceaccounts,roles,rolebindings,poddisruptionbudgets';
  const always = ['configmap/kube-root-ca.crt', 'serviceaccount/default'];
  const left = await until(
    `the pods of ${namespace} have ended`,
    async () => {
      const all = await kubectl.run(['get', kinds, `--namespace=${namespace}`, '-o', 'name']);
      const names = all.trim().split('\n');
      const podsLeft = names.filter((name) => name.startsWith('pod/') && !hooks.includes(name));
      return podsLeft.length === 0 && names.filter((name) => !always.includes(name)).sort();
    },
    patienceMs,
  );
  t.strictSame(left, [...hooks].sort(), 'nothing is left but what hooks made');
}

await t.test('the chart that helm makes', async (t) => {
  await kubectl.run(['create', 'namespace', 'plain']);
  const ns = '--namespace=plain';
  await createChart(helm, 'one');
  t.match(
    await helm.run('install', 'one', 'plain', ns, ...patiently, ...image, '--set=image.tag=1'),
    'deployed',
  );
  const address = `http://${await clusterIp('plain', 'one-plain')}:8080/`;
  await answersOnly(address, 'web version 1');

  const more = ['--set=ingress.enabled=true', '--set=autoscaling.enabled=true', '--set=image.tag=2'];
  await helm.run('upgrade', 'one', 'plain', ns, ...patiently, '--reuse-values', ...more);
  await answersOnly(address, 'web version 2');
  const parts = await kubectl.run(['get', 'ingress,hpa', ns, '-o', 'name']);
  t.match(parts, /ingress\S*\/one-plain\s+horizontalpodautoscaler\S*\/one-plain/);
  await helm.run('rollback', 'one', '1', ns, ...patiently);
  t.equal(await kubectl.run(['get', 'ingress,hpa', ns, '-o', 'name']), '');
  await answersOnly(address, 'web version 1');

  const tested = await helm.run('test', 'one', ns, '--logs', '--timeout=60s');
  t.match(tested, /TEST SUITE:\s+one-plain-test-connection[\s\S]*Phase:\s+Succeeded/);
  t.match(tested, 'POD LOGS: one-plain-test-connection');

  const failing = ['--reuse-values', '--set=image.tag=none', '--rollback-on-failure', '--timeout=8s'];
  const failed = await helm.attempt('upgrade', 'one', 'plain', ns, ...failing);
  t.equal(failed.exitCode, 1);
  t.match(failed.stderr, 'has been rolled back due to rollback-on-failure being set');
  t.strictSame(
    (await helm.history('one', ns)).map(({ revision, status }) => `${revision} ${status}`),
    ['1 superseded', '2 superseded', '3 superseded', '4 failed', '5 deployed'],
  );
  await answersOnly(address, 'web version 1');

  await helm.run('upgrade', 'one', 'plain', ns, '--reuse-values', '--set=image.tag=2', '--wait=legacy');
  await answersOnly(address, 'web version 2');
  // With --wait beside it, helm v4.1 may stop as soon as the first object is gone.
  await helm.run('uninstall', 'one', ns, '--cascade=foreground');
  await onlyHooksLeft(t, 'plain', ['pod/one-plain-test-connection']);
});

await t.test('helm v3', async (t) => {
  await kubectl.run(['create', 'namespace', 'old']);
  const ns = '--namespace=old';
  const old = await Helm.of('v3.8', cluster.kubeconfig, join(folder, 'v3'));
  await createChart(old, 'one');
  await old.run('install', 'one', 'plain', ns, ...patiently, ...image, '--set=image.tag=1');
  const address = `http://${await clusterIp('old', 'one-plain')}:8080/`;
  await answersOnly(address, 'web version 1');
  await old.run('upgrade', 'one', 'plain', ns, ...patiently, '--reuse-values', '--set=image.tag=2');
  await answersOnly(address, 'web version 2');
  await old.run('rollback', 'one', '1', ns, ...patiently);
  await answersOnly(address, 'web version 1');
  await old.run('uninstall', 'one', ns, ...patiently);
  await onlyHooksLeft(t, 'old', []);
});

const releases = ['database', 'broker', 'backend', 'frontend', 'web'] as const;
const needs: Readonly<Record<string, string>> = {
  broker: '{database}',
  backend: '{database,broker}',
  frontend: '{backend}',
  web: '{frontend}',
};

await t.test('an application of five releases', async (t) => {
  const ns = '--namespace=shop';
  const valuesOf = (release: string): string[] => [
    `--set=migrate=${release === 'database'}`,
    ...(needs[release] === undefined ? [] : [`--set=needs=${needs[release]}`]),
  ];

  await t.test('all at once: each waits for those that it needs', async (t) => {
    for (const release of releases)
      await helm.run(
        'install',
        release,
        'service',
        ns,
        '--create-namespace',
        '--set=greeting=Hello',
        ...valuesOf(release),
        '--timeout=60s',
      );
    for (const release of releases)
      await kubectl.run(['rollout', 'status', ns, `deployment/${release}`, '--timeout=60s']);
    const started = (await pods('shop')).filter(({ status }) => status.phase === 'Running');
    t.equal(started.length, 2 * releases.length);
    const readyAt = (release: string): number[] =>
      started
        .filter(({ metadata }) => metadata.labels?.['app.kubernetes.io/name'] === release)
        .map(({ status }) => status.conditions?.find(({ type }) => type === 'Ready')?.lastTransitionTime)
        .map((time) => Date.parse(time ?? ''));
    for (const [index, release] of releases.slice(1).entries())
      t.ok(
        Math.min(...readyAt(releases[index] ?? '')) <= Math.min(...readyAt(release)),
        `${release} came after ${releases[index] ?? ''}`,
      );
    const hooks = (
      await kubectl.run(['get', 'configmaps', ns, '-o', 'jsonpath={.items[*].data.step}'])
    ).split(' ');
    t.strictSame(hooks.sort(), ['1', '1', 'post', 'pre'], 'the hooks of the first ran before and after it');
  });

  const addresses = new Map<string, string>();
  for (const release of releases) addresses.set(release, `http://${await clusterIp('shop', release)}/`);

  await t.test('one after another is upgraded, and nobody notices', async (t) => {
    const traffic = new Map([...addresses].map(([release, url]) => [release, new Traffic(url)]));
    t.teardown(() => Promise.all([...traffic.values()].map((one) => one.stop())));
    for (const release of releases) {
      await helm.run(
        'upgrade',
        release,
        'service',
        ns,
        ...patiently,
        ...valuesOf(release),
        '--set=greeting=Ahoy',
        '--set=image.tag=2',
      );
      const address = addresses.get(release) ?? '';
      // A pod that is ending may answer until every rule has changed: helm does not wait for that.
      await answersOnly(address, 'Ahoy from');
      await answersOnly(address, 'web version 2');
    }
    for (const [release, one] of traffic) {
      const { answered, failures } = await one.stop();
      t.ok(answered > 0, `${release} answered ${answered} requests`);
      t.strictSame(failures, [], `${release} failed none`);
    }
    t.match(await helm.run('list', ns), /(\S+\s+shop\s+2\s.*deployed.*\n){5}/);
  });

  await t.test('tests and a way back of one do not touch the others', async (t) => {
    const others = async (): Promise<string[]> =>
      (await pods('shop'))
        .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
        .filter(({ metadata }) => !metadata.name.startsWith('backend'))
        .map(({ metadata }) => metadata.uid);
    const before = await others();
    const tested = await helm.run('test', 'backend', ns, '--timeout=60s');
    t.match(tested, /backend-test[\s\S]*Phase:\s+Succeeded/);
    await helm.run('rollback', 'backend', ns, ...patiently);
    await answersOnly(addresses.get('backend') ?? '', 'Hello from');
    t.strictSame(await others(), before);
  });

  await t.test('all go', async (t) => {
    for (const release of [...releases].reverse()) await helm.run('uninstall', release, ns, ...patiently);
    const hooks = [
      'configmap/database-pre',
      'configmap/database-post',
      'configmap/backend-test',
      'pod/backend-test',
    ];
    await onlyHooksLeft(t, 'shop', hooks);
  });
});
