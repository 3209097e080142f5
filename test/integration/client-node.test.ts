/** The official JavaScript client, @kubernetes/client-node, on a real server: what it writes and reads. */
import {
  ApiException,
  AppsV1Api,
  AuthenticationV1Api,
  AuthorizationV1Api,
  CoordinationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  Health,
  KubeConfig,
  KubernetesObjectApi,
  Metrics,
  PatchStrategy,
  topNodes,
  V1MicroTime,
  VersionApi,
} from '@kubernetes/client-node';
import type { KubernetesObject, V1ConfigMap, V1Deployment, V1Status } from '@kubernetes/client-node';
import t from 'tap';
import type { Test } from 'tap';
import { startFixture } from '../support/apiserver-fixture.js';
import { as, settings } from '../support/client-node.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const config = new KubeConfig();
config.loadFromFile(fixture.kubeconfig);
const core = config.makeApiClient(CoreV1Api);
const apps = config.makeApiClient(AppsV1Api);

async function inNamespace(name: string): Promise<string> {
  await core.createNamespace({ body: { metadata: { name } } });
  return name;
}

function deployment(name: string, image = 'localhost/knarr/web:1'): V1Deployment {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: {
          containers: [
            { name: 'web', image },
            { name: 'log', image: 'localhost/knarr/web:1' },
          ],
        },
      },
    },
  };
}

/** The Status that came with the error that `action` rejects with. */
async function refusal(t: Test, code: number, action: () => Promise<unknown>): Promise<V1Status> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof ApiException)) throw error;
    t.equal(error.code, code);
    // Where the client's description knows no answer of this code, the body is left as text.
    const body: unknown = error.body;
    return (typeof body === 'string' ? JSON.parse(body) : body) as V1Status;
  }
  t.fail(`should be refused with ${code}`);
  return {};
}

await t.test('create, read, list, replace, delete', async (t) => {
  const namespace = await inNamespace('crud');
  const created = await core.createNamespacedConfigMap({
    namespace,
    body: settings('a', { color: 'red' }, { tier: 'front' }),
    fieldManager: 'tests',
  });
  t.match(created.metadata, {
    namespace,
    uid: /-/,
    managedFields: [{ manager: 'tests', operation: 'Update' }],
  });
  t.ok(created.metadata?.creationTimestamp instanceof Date);
  for (const name of ['b', 'c'])
    await core.createNamespacedConfigMap({ namespace, body: settings(name, {}, { tier: 'back' }) });
  const names = async (query: object): Promise<unknown[]> =>
    (await core.listNamespacedConfigMap({ namespace, ...query })).items.map(({ metadata }) => metadata?.name);
  t.strictSame(await names({ labelSelector: 'tier in (back)' }), ['b', 'c']);
  t.strictSame(await names({ fieldSelector: 'metadata.name!=b' }), ['a', 'c']);
  const page = await core.listNamespacedConfigMap({ namespace, limit: 2 });
  t.match(page.metadata, { remainingItemCount: 1 });
  t.strictSame(await names({ limit: 2, _continue: page.metadata?._continue }), ['c']);

  const replaced = await core.replaceNamespacedConfigMap({
    namespace,
    name: 'a',
    body: { ...created, data: { color: 'blue' } },
  });
  t.strictSame(replaced.data, { color: 'blue' });
  const stale = (): Promise<unknown> =>
    core.replaceNamespacedConfigMap({ namespace, name: 'a', body: { ...created, data: { color: 'green' } } });
  t.match(await refusal(t, 409, stale), { reason: 'Conflict', details: { name: 'a', kind: 'configmaps' } });

  const dry = await core.deleteNamespacedConfigMap({ namespace, name: 'a', dryRun: 'All' });
  t.match(dry, { status: 'Success', details: { name: 'a', kind: 'configmaps' } });
  const wrong = { preconditions: { uid: '00000000-0000-0000-0000-000000000000' } };
  await refusal(t, 409, () => core.deleteNamespacedConfigMap({ namespace, name: 'a', body: wrong }));
  t.equal((await core.deleteNamespacedConfigMap({ namespace, name: 'a' })).status, 'Success');
  t.match(await refusal(t, 404, () => core.readNamespacedConfigMap({ namespace, name: 'a' })), {
    reason: 'NotFound',
    message: 'configmaps "a" not found',
    details: { name: 'a', kind: 'configmaps' },
  });
  await core.deleteCollectionNamespacedConfigMap({ namespace, labelSelector: 'tier=back' });
  t.strictSame(await names({}), []);
});

await t.test('what is wrong is told in the body', async (t) => {
  const namespace = await inNamespace('wrong');
  const body = deployment('web');
  body.spec = { ...body.spec, selector: { matchLabels: { app: 'other' } } } as NonNullable<
    V1Deployment['spec']
  >;
  const status = await refusal(t, 422, () => apps.createNamespacedDeployment({ namespace, body }));
  t.match(status, {
    reason: 'Invalid',
    details: { group: 'apps', kind: 'Deployment', causes: [{ field: 'spec.template.metadata.labels' }] },
  });
  const unknown = { ...settings('a', {}), colour: 'red' };
  t.match(
    await refusal(t, 400, () =>
      config.makeApiClient(CustomObjectsApi).createNamespacedCustomObject({
        group: 'apps',
        version: 'v1',
        namespace,
        plural: 'deployments',
        body: unknown,
        fieldValidation: 'Strict',
      }),
    ),
    { reason: 'BadRequest' },
  );
  await refusal(t, 404, () =>
    core.createNamespacedConfigMap({ namespace: 'nowhere', body: settings('a', {}) }),
  );
});

await t.test('scale, status, and graceful deletion', async (t) => {
  const namespace = await inNamespace('subresources');
  await apps.createNamespacedDeployment({ namespace, body: deployment('web') });
  const at = { namespace, name: 'web' };
  const scale = await apps.readNamespacedDeploymentScale(at);
  t.match(scale, { spec: { replicas: 1 }, status: { selector: 'app=web' } });
  await apps.replaceNamespacedDeploymentScale({ ...at, body: { ...scale, spec: { replicas: 2 } } });
  await apps.patchNamespacedDeploymentScale(
    { ...at, body: { spec: { replicas: 3 } } },
    as(PatchStrategy.MergePatch),
  );
  t.equal((await apps.readNamespacedDeployment(at)).spec?.replicas, 3);
  const condition = { type: 'Seen', status: 'True', reason: 'Test', message: '' };
  await apps.patchNamespacedDeploymentStatus(
    { ...at, body: { status: { conditions: [condition] } } },
    as(PatchStrategy.StrategicMergePatch),
  );
  t.match((await apps.readNamespacedDeploymentStatus(at)).status?.conditions, [{ type: 'Seen' }]);

  const held = await apps.deleteNamespacedDeployment({ ...at, propagationPolicy: 'Foreground' });
  t.ok(held, 'the answer is the object that waits, which the client reads as well as a Status');
  const waiting = await apps.readNamespacedDeployment(at);
  t.strictSame(waiting.metadata?.finalizers, ['foregroundDeletion']);
  t.ok(waiting.metadata?.deletionTimestamp instanceof Date);

  await core.createNamespacedPod({
    namespace,
    body: { metadata: { name: 'a' }, spec: { containers: [{ name: 'a', image: 'localhost/knarr/web:1' }] } },
  });
  await core.deleteNamespacedPod({ namespace, name: 'a', gracePeriodSeconds: 0 });
  await refusal(t, 404, () => core.readNamespacedPod({ namespace, name: 'a' }));
});

await t.test('a patch of each type', async (t) => {
  const namespace = await inNamespace('patches');
  await apps.createNamespacedDeployment({ namespace, body: deployment('web') });
  const patch = (body: unknown, strategy: PatchStrategy): Promise<V1Deployment> =>
    apps.patchNamespacedDeployment({ namespace, name: 'web', body }, as(strategy));
  const replicas = await patch(
    [
      { op: 'test', path: '/spec/replicas', value: 1 },
      { op: 'replace', path: '/spec/replicas', value: 4 },
    ],
    PatchStrategy.JsonPatch,
  );
  t.equal(replicas.spec?.replicas, 4);
  await refusal(t, 422, () =>
    patch([{ op: 'test', path: '/spec/replicas', value: 1 }], PatchStrategy.JsonPatch),
  );
  const image = 'localhost/knarr/web:2';
  const strategic = await patch(
    { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } },
    PatchStrategy.StrategicMergePatch,
  );
  t.match(strategic.spec?.template.spec?.containers, [{ name: 'web', image }, { name: 'log' }]);
  const merged = await patch(
    { spec: { template: { spec: { containers: [{ name: 'web', image }] } } } },
    PatchStrategy.MergePatch,
  );
  t.equal(merged.spec?.template.spec?.containers.length, 1, 'a merge patch replaces lists');
  t.match(await refusal(t, 415, () => patch({}, 'text/plain' as PatchStrategy)), {
    reason: 'UnsupportedMediaType',
  });
});

await t.test('server-side apply: shared fields, conflicts, force', async (t) => {
  const namespace = await inNamespace('applies');
  const apply = (fieldManager: string, data: Record<string, string>, force?: boolean): Promise<V1ConfigMap> =>
    core.patchNamespacedConfigMap(
      {
        namespace,
        name: 'a',
        body: { apiVersion: 'v1', kind: 'ConfigMap', data },
        fieldManager,
        ...(force === undefined ? {} : { force }),
      },
      as(PatchStrategy.ServerSideApply),
    );
  await apply('one', { color: 'red', size: 'big' });
  await apply('two', { color: 'red', shape: 'round' });
  const conflict = await refusal(t, 409, () => apply('two', { color: 'blue' }));
  t.match(conflict, {
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "one": .data.color',
    details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.color' }] },
  });
  const forced = await apply('two', { color: 'blue' }, true);
  t.strictSame(forced.data, { color: 'blue', size: 'big' }, 'what "two" no longer applies is gone');
  t.strictSame(
    forced.metadata?.managedFields?.map(({ manager, operation }) => [manager, operation]),
    [
      ['one', 'Apply'],
      ['two', 'Apply'],
    ],
  );
  const unnamed = (): Promise<unknown> =>
    core.patchNamespacedConfigMap({ namespace, name: 'a', body: {} }, as(PatchStrategy.ServerSideApply));
  t.match(await refusal(t, 422, unnamed), { message: /fieldManager: Required value/ });
});

await t.test('CustomObjectsApi speaks of any group and version', async (t) => {
  const namespace = await inNamespace('custom');
  const custom = config.makeApiClient(CustomObjectsApi);
  const at = { group: 'apps', version: 'v1', namespace, plural: 'deployments' };
  await custom.createNamespacedCustomObject({ ...at, body: deployment('web') });
  const patched: unknown = await custom.patchNamespacedCustomObject(
    { ...at, name: 'web', body: [{ op: 'replace', path: '/spec/replicas', value: 5 }] },
    as(PatchStrategy.JsonPatch),
  );
  t.match(patched, { kind: 'Deployment', spec: { replicas: 5 } });
  t.match(await custom.getNamespacedCustomObjectScale({ ...at, name: 'web' }), { kind: 'Scale' });
  t.match(await custom.listNamespacedCustomObject(at), { kind: 'DeploymentList', items: [{}] });
  const classes = { group: 'storage.k8s.io', version: 'v1', plural: 'storageclasses' };
  t.match(await custom.listClusterCustomObject(classes), { kind: 'StorageClassList' });
  await custom.deleteNamespacedCustomObject({ ...at, name: 'web' });
  await refusal(t, 404, () => custom.getNamespacedCustomObject({ ...at, name: 'web' }));
  await refusal(t, 404, () => custom.listClusterCustomObject({ ...classes, group: 'none.test' }));
});

await t.test('KubernetesObjectApi finds the path of any kind', async (t) => {
  const namespace = await inNamespace('objects');
  const objects = KubernetesObjectApi.makeApiClient(config);
  const described: KubernetesObject[] = [
    settings('a', { color: 'red' }),
    deployment('web'),
    { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata: { name: 'reader' } },
    { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web' } },
  ].map((one) => ({ ...one, metadata: { ...one.metadata, namespace } }));
  for (const one of described) {
    const header = {
      apiVersion: one.apiVersion ?? '',
      kind: one.kind ?? '',
      metadata: { name: one.metadata?.name ?? '', namespace },
    };
    await objects.create(one);
    t.match(await objects.read(header), header);
    t.match((await objects.list(header.apiVersion, header.kind, namespace)).items, [{}]);
    const labelled = { ...header, metadata: { ...header.metadata, labels: { seen: 'yes' } } };
    await objects.patch(labelled, undefined, undefined, undefined, undefined, PatchStrategy.MergePatch);
    const applied = await objects.patch(
      labelled,
      undefined,
      undefined,
      'tests',
      true,
      PatchStrategy.ServerSideApply,
    );
    t.match(applied.metadata.labels, { seen: 'yes' });
    const replaced = await objects.replace({
      ...applied,
      metadata: { ...applied.metadata, labels: { seen: 'twice' } },
    });
    t.match(replaced.metadata.labels, { seen: 'twice' });
    await objects.delete(one);
    await refusal(t, 404, () => objects.read(header));
  }
  await t.rejects(objects.create({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a' } }), /Thing/);
});

await t.test('a lease is taken by one of two', async (t) => {
  const namespace = await inNamespace('leases');
  const coordination = config.makeApiClient(CoordinationV1Api);
  const renewTime = new V1MicroTime(1_700_000_000_123);
  const lease = await coordination.createNamespacedLease({
    namespace,
    body: { metadata: { name: 'leader' }, spec: { holderIdentity: '', renewTime } },
  });
  const take = (holderIdentity: string): Promise<unknown> =>
    coordination.replaceNamespacedLease({
      namespace,
      name: 'leader',
      body: { ...lease, spec: { ...lease.spec, holderIdentity } },
    });
  const outcomes = await Promise.allSettled([take('one'), take('two')]);
  t.strictSame(outcomes.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  const taken = await coordination.readNamespacedLease({ namespace, name: 'leader' });
  t.equal(
    String(taken.spec?.renewTime),
    '2023-11-14T22:13:20.123000Z',
    'microseconds, as the client sent them',
  );
});

await t.test('a token of a service account, and who it is', async (t) => {
  const namespace = await inNamespace('tokens');
  await core.createNamespacedServiceAccount({ namespace, body: { metadata: { name: 'robot' } } });
  const request = await core.createNamespacedServiceAccountToken({
    namespace,
    name: 'robot',
    body: { spec: { audiences: [], expirationSeconds: 600 } },
  });
  const { token = '', expirationTimestamp } = request.status ?? {};
  t.ok(expirationTimestamp instanceof Date);
  const cluster = config.getCurrentCluster();
  if (cluster === null) throw new Error('the kubeconfig names no cluster');
  const asRobot = new KubeConfig();
  asRobot.loadFromClusterAndUser(cluster, { name: 'robot', token });
  const review = await asRobot.makeApiClient(AuthenticationV1Api).createSelfSubjectReview({ body: {} });
  t.match(review.status?.userInfo, {
    username: 'system:serviceaccount:tokens:robot',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:tokens', 'system:authenticated'],
  });
  asRobot.loadFromClusterAndUser(cluster, { name: 'robot', token: `${token}x` });
  const refused = asRobot.makeApiClient(CoreV1Api);
  await t.rejects(refused.listNamespacedPod({ namespace }), { code: 401 });
});

await t.test('health, version, rights, and metrics that are not there', async (t) => {
  const health = new Health(config);
  t.strictSame(await Promise.all([health.livez({}), health.readyz({})]), [true, true]);
  t.match((await config.makeApiClient(VersionApi).getCode()).gitVersion, /^v1\.35\./);
  const review = await config.makeApiClient(AuthorizationV1Api).createSelfSubjectAccessReview({
    body: { spec: { resourceAttributes: { verb: 'create', resource: 'pods', namespace: 'default' } } },
  });
  t.equal(review.status?.allowed, true);
  await core.createNode({
    body: { metadata: { name: 'node-1' }, status: { allocatable: { cpu: '2', memory: '1Gi' } } },
  });
  t.match(
    await topNodes(core),
    [{ Node: { metadata: { name: 'node-1' } } }],
    'top by requests needs no metrics',
  );
  await t.rejects(new Metrics(config).getNodeMetrics(), { code: 404 });
});

await t.test('the server logged no error', (t) => {
  t.strictSame(fixture.errors, []);
  t.end();
});
