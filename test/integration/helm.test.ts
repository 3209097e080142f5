/**
 * helm on a real server without nodes: releases and their histories, apply on either side, ownership, charts of charts.
 * What needs pods is in test/e2e/helm.test.ts.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import type { JsonObject } from '../support/apiserver-fixture.js';
import { Helm } from '../support/helm.js';
import { Kubectl } from '../support/kubectl.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const helm = await Helm.of('v4.1', fixture.kubeconfig, t.testdir());
const kubectl = await Kubectl.of('v1.35', fixture.kubeconfig);
await helm.bringCharts();
await helm.run('create', 'plain');
const image = ['--set=image.repository=localhost/knarr/web', '--set=service.port=8080'];

async function inNamespace(name: string): Promise<string> {
  await fixture.request('POST', '/api/v1/namespaces', { metadata: { name } });
  return `--namespace=${name}`;
}

async function deployment(namespace: string, name: string): Promise<JsonObject> {
  return (await fixture.request('GET', `/apis/apps/v1/namespaces/${namespace}/deployments/${name}`)).json;
}

function imageOf(object: JsonObject): string {
  return textOf(listOf(object['spec']?.['template']?.['spec']?.['containers'])[0]?.['image']);
}

async function names(namespace: string, path: string): Promise<string[]> {
  const { json } = await fixture.request('GET', path.replace('*', `namespaces/${namespace}`));
  return listOf(json['items']).map((one) => textOf(one['metadata']?.['name']));
}

async function revisions(t: Test, release: string, namespace: string, expected: string[]): Promise<void> {
  const history = await helm.history(release, namespace);
  t.strictSame(
    history.map(({ revision, status, description }) => `${revision} ${status}: ${description}`),
    expected,
  );
}

await t.test('install, upgrade, look, roll back, uninstall, and back again', async (t) => {
  const ns = await inNamespace('life');
  t.match(await helm.run('install', 'one', 'plain', ns, ...image, '--set=image.tag=1'), 'STATUS: deployed');
  await helm.run('upgrade', 'one', 'plain', ns, ...image, '--set=image.tag=2');
  t.equal(imageOf(await deployment('life', 'one-plain')), 'localhost/knarr/web:2');
  t.match(await helm.run('status', 'one', ns), 'REVISION: 2');
  t.match(await helm.run('get', 'values', 'one', ns), 'tag: 2');
  t.match(await helm.run('get', 'manifest', 'one', ns), 'kind: Deployment');
  t.match(await helm.run('get', 'hooks', 'one', ns), 'helm.sh/hook');
  t.match(await helm.run('get', 'notes', 'one', ns), 'kubectl --namespace life port-forward');
  t.match(await helm.run('get', 'metadata', 'one', ns), 'APPLY_METHOD: server-side apply');
  t.match(await helm.run('get', 'all', 'one', ns), 'COMPUTED VALUES');
  await helm.run('rollback', 'one', '1', ns);
  t.equal(imageOf(await deployment('life', 'one-plain')), 'localhost/knarr/web:1');
  await helm.run('uninstall', 'one', ns, '--keep-history');
  t.strictSame(await names('life', '/apis/apps/v1/*/deployments'), []);
  t.match(await helm.run('list', ns, '--uninstalled'), /one\s+life\s+3\s.*uninstalled/);
  await helm.run('rollback', 'one', '2', ns);
  t.equal(imageOf(await deployment('life', 'one-plain')), 'localhost/knarr/web:2');
  await revisions(t, 'one', ns, [
    '1 superseded: Install complete',
    '2 superseded: Upgrade complete',
    '3 uninstalled: Uninstallation complete',
    '4 deployed: Rollback to 2',
  ]);
  await helm.run('uninstall', 'one', ns);
  t.strictSame(await names('life', '/api/v1/*/secrets'), [], 'nothing is left, the history neither');
});

await t.test('parts of a chart come and go', async (t) => {
  const ns = await inNamespace('parts');
  const parts = ['/apis/networking.k8s.io/v1/*/ingresses', '/apis/autoscaling/v2/*/horizontalpodautoscalers'];
  const there = async (): Promise<string[][]> => Promise.all(parts.map((path) => names('parts', path)));
  await helm.run('install', 'one', 'plain', ns, ...image);
  t.strictSame(await there(), [[], []]);
  const on = ['--set=ingress.enabled=true', '--set=autoscaling.enabled=true'];
  await helm.run('upgrade', 'one', 'plain', ns, '--reuse-values', ...on);
  t.strictSame(await there(), [['one-plain'], ['one-plain']]);
  await helm.run('rollback', 'one', ns);
  t.strictSame(await there(), [[], []]);
});

await t.test('a rehearsal on the server writes nothing, and sees what is there', async (t) => {
  const ns = await inNamespace('rehearsal');
  const rehearsed = await helm.run('install', 'one', 'service', ns, '--dry-run=server');
  t.match(rehearsed, 'STATUS: pending-install');
  t.notMatch(rehearsed, 'It is reached at', 'there is nothing to look up yet');
  for (const path of ['/api/v1/*/secrets', '/api/v1/*/services', '/apis/apps/v1/*/deployments'])
    t.strictSame(await names('rehearsal', path), []);
  await helm.run('install', 'one', 'service', ns);
  t.match(await helm.run('upgrade', 'one', 'service', ns, '--dry-run=server'), /It is reached at 10\.\d+\./);
  await revisions(t, 'one', ns, ['1 deployed: Install complete']);
  const wrong = await helm.attempt('upgrade', 'one', 'service', ns, '--set=replicas=many');
  t.equal(wrong.exitCode, 1);
  t.match(wrong.stderr, 'spec.replicas');
});

await t.test('apply in the client, on the server, and the way between', async (t) => {
  const ns = await inNamespace('sides');
  const managers = async (): Promise<string[]> =>
    listOf((await deployment('sides', 'one-plain'))['metadata']?.['managedFields']).map(
      (one) => `${textOf(one['manager'])} ${textOf(one['operation'])}`,
    );
  const upgrade = (tag: number, ...flags: string[]): Promise<string> =>
    helm.run('upgrade', 'one', 'plain', ns, ...image, `--set=image.tag=${tag}`, ...flags);
  await helm.run('install', 'one', 'plain', ns, ...image, '--set=image.tag=1', '--server-side=false');
  t.strictSame(await managers(), ['helm Update']);
  await upgrade(2);
  t.strictSame(await managers(), ['helm Update'], 'it stays as it began');
  await upgrade(1, '--server-side=true');
  t.strictSame(await managers(), ['helm Apply'], 'the fields were handed over');
  await upgrade(2, '--server-side=false');
  t.equal(imageOf(await deployment('sides', 'one-plain')), 'localhost/knarr/web:2');

  await upgrade(1, '--server-side=true');
  await kubectl.run(['set', 'image', ns, 'deployment/one-plain', 'plain=localhost/knarr/web:3']);
  const refused = await helm.attempt(
    'upgrade',
    'one',
    'plain',
    ns,
    ...image,
    '--set=image.tag=2',
    '--server-side=true',
  );
  t.equal(refused.exitCode, 1);
  t.match(
    refused.stderr,
    'conflict with "kubectl-set" using apps/v1: .spec.template.spec.containers[name="plain"].image',
  );
  await upgrade(2, '--server-side=true', '--force-conflicts');
  t.equal(imageOf(await deployment('sides', 'one-plain')), 'localhost/knarr/web:2');
  await upgrade(1, '--server-side=false', '--force-replace');
  t.equal(imageOf(await deployment('sides', 'one-plain')), 'localhost/knarr/web:1');
});

await t.test('what somebody else applied is not taken over unasked', async (t) => {
  const ns = await inNamespace('owners');
  const rendered = await helm.run('template', 'one', 'service', ns);
  await kubectl.run(['apply', ns, '-f', '-'], { input: rendered });
  t.match(await kubectl.run(['apply', ns, '-f', '-'], { input: rendered }), 'deployment.apps/one unchanged');
  t.match(
    await kubectl.run(['apply', ns, '--server-side', '-f', '-'], { input: rendered }),
    'serverside-applied',
  );
  const refused = await helm.attempt('install', 'one', 'service', ns);
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, 'invalid ownership metadata');
  await helm.run('install', 'one', 'service', ns, '--take-ownership');
  const { metadata } = (await deployment('owners', 'one')) as { metadata?: JsonObject };
  t.match(metadata?.['annotations'], { 'meta.helm.sh/release-name': 'one' });
  const shared = await helm.attempt('upgrade', 'one', 'service', ns, '--set=greeting=Ahoy');
  t.equal(shared.exitCode, 1);
  t.match(
    shared.stderr,
    'conflict with "kubectl": .data.greeting',
    'both applied it, and only one changes it',
  );
  await helm.run('upgrade', 'one', 'service', ns, '--set=greeting=Ahoy', '--force-conflicts');
  t.strictSame(
    (await helm.history('one', ns)).map(({ status }) => status),
    ['superseded', 'failed', 'deployed'],
  );
});

await t.test('a chart of charts: aliases, conditions, global values', async (t) => {
  const ns = await inNamespace('umbrella');
  await helm.run('dependency', 'update', 'platform');
  t.match(
    await helm.run('dependency', 'list', 'platform'),
    /service\s+\^1\.0\.0\s+file:\/\/\.\.\/service\s+ok/,
  );
  await helm.run('install', 'platform', 'platform', ns, '--set=broker.enabled=false');
  t.strictSame(await names('umbrella', '/apis/apps/v1/*/deployments'), ['database']);
  await helm.run('upgrade', 'platform', 'platform', ns, '--set=global.image.tag=2');
  t.strictSame(await names('umbrella', '/apis/policy/v1/*/poddisruptionbudgets'), ['broker', 'database']);
  for (const name of ['database', 'broker'])
    t.equal(imageOf(await deployment('umbrella', name)), 'localhost/knarr/web:2');
  await helm.run('package', 'platform');
  await helm.run('upgrade', 'platform', 'platform-1.0.0.tgz', ns, '--set=broker.enabled=false');
  t.strictSame(await names('umbrella', '/api/v1/*/services'), ['database']);
  await helm.run('uninstall', 'platform', ns);
  for (const path of ['/api/v1/*/services', '/apis/rbac.authorization.k8s.io/v1/*/rolebindings'])
    t.strictSame(await names('umbrella', path), []);
});

await t.test('a chart that brings its own kind', async (t) => {
  const ns = await inNamespace('harbour');
  const path = '/apis/harbour.test/v1/namespaces/harbour/ships/knarr';
  await helm.run('install', 'knarr', 'harbour', ns, '--wait', '--timeout=20s');
  t.match((await fixture.request('GET', path)).json, {
    metadata: { managedFields: [{ manager: 'helm', operation: 'Apply' }] },
    spec: { oars: 16, sail: 'wool', crew: [{ name: 'leif', task: 'steer' }] },
  });
  await helm.run('upgrade', 'knarr', 'harbour', ns, '--set=oars=20,task=row');
  const refused = await helm.attempt('upgrade', 'knarr', 'harbour', ns, '--set=oars=1');
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, 'spec.oars in body should be greater than or equal to 2');
  await helm.run('rollback', 'knarr', '1', ns);
  await helm.run('upgrade', 'knarr', 'harbour', ns, '--set=task=row', '--server-side=false');
  t.match((await fixture.request('GET', path)).json['spec'], { oars: 16, crew: [{ task: 'row' }] });
  await helm.run('uninstall', 'knarr', ns);
  t.equal((await fixture.request('GET', path)).status, 404);
  const kind = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/ships.harbour.test';
  t.equal(
    (await fixture.request('GET', kind)).status,
    200,
    'kinds stay, as their objects would go with them',
  );
});

await t.test('a release that is too large for its Secret is refused with the limit', async (t) => {
  const ns = await inNamespace('large');
  // Random, so that helm's compression does not save it.
  await writeFile(join(helm.folder, 'service', 'large.txt'), randomBytes(900_000).toString('base64'));
  const refused = await helm.attempt('install', 'one', 'service', ns);
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, 'Too long: may not be more than 1048576 bytes');
});

await t.test('a release of helm v3 is upgraded by helm v4', async (t) => {
  const ns = await inNamespace('heritage');
  const old = await Helm.of('v3.8', fixture.kubeconfig, join(helm.folder, 'old'));
  await old.run('create', 'plain');
  await old.run('install', 'one', 'plain', ns, ...image, '--set=image.tag=1');
  await old.run('upgrade', 'one', 'plain', ns, ...image, '--set=image.tag=2');
  t.equal((await old.history('one', ns)).length, 2);
  await helm.run('upgrade', 'one', 'plain', ns, ...image, '--set=image.tag=1');
  t.equal(imageOf(await deployment('heritage', 'one-plain')), 'localhost/knarr/web:1');
  await helm.run('upgrade', 'one', 'plain', ns, ...image, '--set=image.tag=2', '--server-side=true');
  t.equal(imageOf(await deployment('heritage', 'one-plain')), 'localhost/knarr/web:2');
  await helm.run('rollback', 'one', '1', ns);
  await revisions(t, 'one', ns, [
    '1 superseded: Install complete',
    '2 superseded: Upgrade complete',
    '3 superseded: Upgrade complete',
    '4 superseded: Upgrade complete',
    '5 deployed: Rollback to 1',
  ]);
  await helm.run('uninstall', 'one', ns);
});

await t.test('the server logged no error', (t) => {
  t.strictSame(fixture.errors, []);
  t.end();
});
