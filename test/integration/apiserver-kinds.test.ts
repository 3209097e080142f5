/** The kinds that run, limit and scale workloads: over HTTPS on a real server, and as kubectl shows them. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import * as resources from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import { packageRoot } from '../../common/paths.js';
import type { Answer } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import { until } from '../support/until.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;
const merge = { headers: { 'content-type': 'application/merge-patch+json' } };
const core = '/api/v1/namespaces/default';
const policy = '/apis/policy/v1/namespaces/default';

const labels = { app: 'a' };
const selector = { matchLabels: labels };
const containers = [{ name: 'c', image: 'i:1' }];
const template = { metadata: { labels }, spec: { containers } };
const once = { spec: { containers, restartPolicy: 'Never' } };
const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' };
const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };

interface Example {
  readonly resource: unknown;
  readonly body: object;
  /** What `kubectl get -o wide` says: the headers, and the row of the object without its age. */
  readonly headers: string;
  readonly row: RegExp;
}

const examples: readonly Example[] = [
  {
    resource: resources.statefulSets,
    body: { spec: { replicas: 2, selector, template, serviceName: 's' } },
    headers: 'NAME READY AGE CONTAINERS IMAGES',
    row: /^one 0\/2 \S+ c i:1$/,
  },
  {
    resource: resources.daemonSets,
    body: { spec: { selector, template } },
    headers: 'NAME DESIRED CURRENT READY UP-TO-DATE AVAILABLE NODE-SELECTOR AGE CONTAINERS IMAGES SELECTOR',
    row: /^one 0 0 0 0 0 <none> \S+ c i:1 app=a$/,
  },
  {
    resource: resources.controllerRevisions,
    body: { data: { a: 1 }, revision: 3 },
    headers: 'NAME CONTROLLER REVISION AGE',
    row: /^one <none> 3 \S+$/,
  },
  {
    resource: resources.jobs,
    body: { spec: { template: once } },
    headers: 'NAME STATUS COMPLETIONS DURATION AGE CONTAINERS IMAGES SELECTOR',
    row: /^one Running 0\/1 \S+ c i:1 batch.kubernetes.io\/controller-uid=\S+$/,
  },
  {
    resource: resources.cronJobs,
    body: { spec: { schedule: '@daily', jobTemplate: { spec: { template: once } } } },
    headers: 'NAME SCHEDULE TIMEZONE SUSPEND ACTIVE LAST-SCHEDULE AGE CONTAINERS IMAGES SELECTOR',
    row: /^one @daily <none> False 0 <none> \S+ c i:1 <none>$/,
  },
  {
    resource: resources.horizontalPodAutoscalers,
    body: { spec: { scaleTargetRef, maxReplicas: 3 } },
    headers: 'NAME REFERENCE TARGETS MINPODS MAXPODS REPLICAS AGE',
    row: /^one Deployment\/web cpu: <unknown>\/80% 1 3 0 \S+$/,
  },
  {
    resource: resources.horizontalPodAutoscalersV1,
    body: { spec: { scaleTargetRef, maxReplicas: 4, targetCPUUtilizationPercentage: 60 } },
    headers: 'NAME REFERENCE TARGETS MINPODS MAXPODS REPLICAS AGE',
    row: /^one Deployment\/web cpu: <unknown>\/60% 1 4 0 \S+$/,
  },
  {
    resource: resources.persistentVolumes,
    body: {
      spec: { capacity: { storage: '1Gi' }, accessModes: ['ReadWriteMany'], hostPath: { path: '/d' } },
    },
    headers:
      'NAME CAPACITY ACCESS-MODES RECLAIM-POLICY STATUS CLAIM STORAGECLASS VOLUMEATTRIBUTESCLASS REASON AGE VOLUMEMODE',
    row: /^one 1Gi RWX Retain Pending <unset> \S+ Filesystem$/,
  },
  {
    resource: resources.persistentVolumeClaims,
    body: { spec: claim },
    headers: 'NAME STATUS VOLUME CAPACITY ACCESS-MODES STORAGECLASS VOLUMEATTRIBUTESCLASS AGE VOLUMEMODE',
    row: /^one Pending <unset> \S+ Filesystem$/,
  },
  {
    resource: resources.resourceQuotas,
    body: { spec: { hard: { pods: '3' } } },
    headers: 'NAME REQUEST LIMIT AGE',
    row: /^one \S+$/,
  },
  {
    resource: resources.limitRanges,
    body: { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } },
    headers: 'NAME CREATED-AT',
    row: /^one \d{4}-\d\d-\d\dT\S+Z$/,
  },
  {
    resource: resources.podTemplates,
    body: { template },
    headers: 'NAME CONTAINERS IMAGES POD-LABELS',
    row: /^one c i:1 app=a$/,
  },
  {
    resource: resources.podDisruptionBudgets,
    body: { spec: { maxUnavailable: '25%', selector } },
    headers: 'NAME MIN-AVAILABLE MAX-UNAVAILABLE ALLOWED-DISRUPTIONS AGE',
    row: /^one N\/A 25% 0 \S+$/,
  },
  {
    resource: resources.priorityClasses,
    body: { value: 7 },
    headers: 'NAME VALUE GLOBAL-DEFAULT AGE PREEMPTIONPOLICY',
    row: /^one 7 false \S+ PreemptLowerPriority$/,
  },
  {
    resource: resources.eventsV1,
    body: {
      eventTime: '2026-01-01T00:00:00.000000Z',
      type: 'Normal',
      reason: 'Started',
      action: 'Starting',
      note: 'hello',
      reportingController: 'example.com/c',
      reportingInstance: 'i',
      regarding: { kind: 'Pod', namespace: 'default', name: 'a' },
    },
    headers: 'LAST-SEEN TYPE REASON OBJECT SUBOBJECT SOURCE MESSAGE FIRST-SEEN COUNT NAME',
    row: /^\S+ Normal Started pod\/a example.com\/c, i hello \S+ 1 one$/,
  },
];

function collectionOf({ group, version, plural, namespaced }: ResourceDefinition): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}/${namespaced ? 'namespaces/default/' : ''}${plural}`;
}

/** Words by single spaces; a header of two words by a hyphen, as only several spaces part two columns. */
function squeeze(line: string, within: string): string {
  return line
    .trim()
    .split(/ {2,}/)
    .map((cell) => cell.replaceAll(' ', within))
    .join(' ');
}

const kubectl = await unpackTool('v1.35', 'kubectl');

for (const { resource, body, headers, row } of examples) {
  const definition = resource as ResourceDefinition;
  const { group, version, kind, plural } = definition;
  await t.test(`${kind} of ${group}/${version}`, async (t) => {
    const collection = collectionOf(definition);
    const created = await request('POST', collection, { metadata: { name: 'one' }, ...body });
    t.equal(created.status, 201, created.status === 201 ? 'created' : created.text);
    const at = `${collection}/one`;
    const read = await request('GET', at);
    t.strictSame(read.json, created.json, 'and read as it was answered');
    t.match(read.json, { kind, apiVersion: group === '' ? version : `${group}/${version}` });
    const applied = await request('PATCH', at, { metadata: { labels: { patched: 'yes' } } }, merge);
    t.equal(textOf(applied.json['metadata']?.['labels']?.['patched']), 'yes');
    const again = await request('PUT', at, applied.json);
    t.strictSame(again.json, applied.json, 'a PUT of the same changes nothing');
    const list = await request('GET', `${collection}?labelSelector=patched`);
    t.match(list.json, { kind: `${kind}List`, items: [{ metadata: { name: 'one' } }] });
    const name = group === '' ? plural : `${plural}.${version}.${group}`;
    const shown = await fixture.kubectl(kubectl, ['get', name, 'one', '-o', 'wide']);
    const [head = '', line = ''] = shown.stdout.split('\n');
    t.equal(squeeze(head, '-'), headers, shown.stderr);
    t.match(squeeze(line, ' '), row);
    const deleted = await request('DELETE', `${at}?propagationPolicy=Background`);
    t.equal(deleted.status, 200, deleted.text);
    // Volumes and claims are protected until their controllers have seen that nobody uses them.
    if (deleted.json['metadata']?.['finalizers'] !== undefined) {
      t.match(deleted.json['metadata'], { deletionTimestamp: /./ });
      const release = { headers: { 'content-type': 'application/merge-patch+json' } };
      await request('PATCH', at, { metadata: { finalizers: null } }, release);
    }
    t.equal((await request('GET', at)).status, 404);
  });
}

await t.test('an autoscaler is one object in two versions', async (t) => {
  const v1 = collectionOf(resources.horizontalPodAutoscalersV1);
  const v2 = collectionOf(resources.horizontalPodAutoscalers);
  const watch = fixture.watch(`${v1}?watch=true`);
  await request('POST', v2, {
    metadata: { name: 'both' },
    spec: {
      scaleTargetRef,
      maxReplicas: 3,
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'memory', target: { type: 'AverageValue', averageValue: '1Gi' } },
        },
      ],
    },
  });
  const flat = await request('PATCH', `${v1}/both`, { spec: { targetCPUUtilizationPercentage: 55 } }, merge);
  t.match(flat.json, {
    apiVersion: 'autoscaling/v1',
    metadata: { annotations: { 'autoscaling.alpha.kubernetes.io/metrics': /memory/ } },
    spec: { targetCPUUtilizationPercentage: 55 },
  });
  const whole = await request('GET', `${v2}/both`);
  t.match(whole.json, {
    apiVersion: 'autoscaling/v2',
    spec: { metrics: [{ resource: { name: 'cpu' } }, { resource: { name: 'memory' } }] },
  });
  t.equal(whole.json['metadata']?.['annotations'], undefined);
  t.equal(textOf(whole.json['metadata']?.['uid']), textOf(flat.json['metadata']?.['uid']));
  const [added] = await watch.until((lines) => lines.length >= 2);
  t.match(added?.object, { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler' });
  watch.close();
  const wrong = await request('PATCH', `${v1}/both`, { spec: { maxReplicas: 0 } }, merge);
  t.match(wrong.json, { code: 422, details: { group: 'autoscaling', kind: 'HorizontalPodAutoscaler' } });
  await request('DELETE', `${v1}/both`);
  t.equal((await request('GET', `${v2}/both`)).status, 404);
});

await t.test('an Event of the core group is seen by its new names, and selected by them', async (t) => {
  await request('POST', `${core}/events`, {
    metadata: { name: 'old' },
    involvedObject: { kind: 'Pod', name: 'p', namespace: 'default' },
    reason: 'Old',
    message: 'as ever',
    source: { component: 'kubelet' },
    count: 2,
  });
  const at = collectionOf(resources.eventsV1);
  const list = await request('GET', `${at}?fieldSelector=regarding.name%3Dp`);
  t.match(listOf(list.json['items']), [
    { metadata: { name: 'old' }, note: 'as ever', regarding: { name: 'p' }, deprecatedCount: 2 },
  ]);
  const unknown = await request('GET', `${at}?fieldSelector=involvedObject.name%3Dp`);
  t.equal(unknown.status, 400);
});

await t.test('scale of a StatefulSet', async (t) => {
  const at = '/apis/apps/v1/namespaces/default/statefulsets';
  await request('POST', at, { metadata: { name: 'scaled' }, spec: { selector, template, serviceName: 's' } });
  const scaled = await request('PATCH', `${at}/scaled/scale`, { spec: { replicas: 4 } }, merge);
  t.match(scaled.json, { kind: 'Scale', spec: { replicas: 4 }, status: { selector: 'app=a' } });
  t.equal((await request('GET', `${at}/scaled`)).json['metadata']?.['generation'], 2);
});

await t.test('priorities of pods', async (t) => {
  const classes = '/apis/scheduling.k8s.io/v1/priorityclasses';
  const pod = (name: string, spec: object): Promise<Answer> =>
    request('POST', `${core}/pods`, { metadata: { name }, spec: { containers, ...spec } });
  const system = await request('GET', `${classes}/system-node-critical`);
  t.equal(system.json['value'], 2_000_001_000);
  await request('POST', classes, { metadata: { name: 'high' }, value: 500, preemptionPolicy: 'Never' });
  const high = await pod('high', { priorityClassName: 'high' });
  t.match(high.json, { spec: { priority: 500, preemptionPolicy: 'Never' } });
  const critical = await pod('critical', { priorityClassName: 'system-cluster-critical' });
  t.equal(critical.json['spec']?.['priority'], 2_000_000_000);
  const absent = await pod('absent', { priorityClassName: 'none' });
  t.match(absent.json, { code: 403, message: /no PriorityClass with name none was found/ });
  const own = await pod('own', { priority: 3 });
  t.match(own.json, { code: 403, message: /the integer value of priority \(3\) must not be provided/ });

  await request('POST', classes, { metadata: { name: 'usual' }, value: 9, globalDefault: true });
  const second = { metadata: { name: 'other' }, value: 8, globalDefault: true };
  await until('the default is known', async () => (await request('POST', classes, second)).status === 403);
  const plain = await pod('plain', {});
  t.match(plain.json, { spec: { priority: 9, priorityClassName: 'usual' } });
  const refused = await request('POST', classes, second);
  t.match(refused.json, { message: /PriorityClass usual is already marked as default/ });
  await request('DELETE', `${classes}/usual`);
});

await t.test('an eviction asks the budget', async (t) => {
  const evict = (query = ''): Promise<Answer> =>
    request('POST', `${core}/pods/guarded/eviction${query}`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: 'guarded' },
    });
  await request('POST', '/api/v1/nodes', { metadata: { name: 'n' } });
  await request('POST', `${core}/pods`, {
    metadata: { name: 'guarded', labels: { guard: 'yes' } },
    spec: { containers, nodeName: 'n', terminationGracePeriodSeconds: 0 },
  });
  const running = { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } };
  await request('PATCH', `${core}/pods/guarded/status`, running, merge);
  await request('POST', `${policy}/poddisruptionbudgets`, {
    metadata: { name: 'guard' },
    spec: { minAvailable: 1, selector: { matchLabels: { guard: 'yes' } } },
  });
  const early = await evict();
  t.match(early.json, { code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 10 } });
  t.equal(early.headers['retry-after'], '10');

  const report = (status: object): Promise<Answer> =>
    request('PATCH', `${policy}/poddisruptionbudgets/guard/status`, { status }, merge);
  await report({ observedGeneration: 1, disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 });
  t.match((await evict()).json, {
    code: 429,
    message: "Cannot evict pod as it would violate the pod's disruption budget.",
    details: {
      causes: [
        {
          reason: 'DisruptionBudget',
          message: 'The disruption budget guard needs 1 healthy pods and has 1 currently',
        },
      ],
    },
  });
  await report({ disruptionsAllowed: 1 });
  t.equal((await evict('?dryRun=All')).status, 201);
  const kept = await request('GET', `${policy}/poddisruptionbudgets/guard`);
  t.equal(kept.json['status']?.['disruptionsAllowed'], 1, 'a dry run takes nothing');
  t.equal((await evict()).status, 201);
  const taken = await request('GET', `${policy}/poddisruptionbudgets/guard`);
  t.match(taken.json['status'], { disruptionsAllowed: 0, disruptedPods: { guarded: /Z$/ } });
  t.equal((await request('GET', `${core}/pods/guarded`)).status, 404);
});

await t.test('the health of the control plane is computed', async (t) => {
  const { json, headers } = await request('GET', '/api/v1/componentstatuses');
  t.match(headers['warning'], /v1 ComponentStatus is deprecated/);
  const health = new Map(
    listOf(json['items']).map((item) => [textOf(item['metadata']?.['name']), listOf(item['conditions'])[0]]),
  );
  t.strictSame([...health.keys()], ['controller-manager', 'scheduler', 'etcd-0']);
  t.match(health.get('etcd-0'), { type: 'Healthy', status: 'True', message: 'ok' });
  t.equal((await request('GET', '/api/v1/componentstatuses/etcd-0')).status, 200);
  t.equal((await request('GET', '/api/v1/componentstatuses/nobody')).status, 404);
  t.equal((await request('POST', '/api/v1/componentstatuses', { metadata: { name: 'x' } })).status, 405);
  t.equal((await request('DELETE', '/api/v1/componentstatuses/etcd-0')).status, 405);
  t.equal((await request('GET', '/api/v1/componentstatuses?watch=true')).status, 405);
});

await t.test('discovery', async (t) => {
  const autoscaling = await request('GET', '/apis/autoscaling');
  t.match(autoscaling.json, {
    preferredVersion: { version: 'v2' },
    versions: [{ version: 'v2' }, { version: 'v1' }],
  });
  const list = await request('GET', '/api/v1');
  const found = listOf(list.json['resources']).find((one) => textOf(one['name']) === 'componentstatuses');
  t.match(found, { shortNames: ['cs'], verbs: ['get', 'list'], namespaced: false });
  for (const name of ['sts', 'ds', 'cj', 'hpa', 'pv', 'pvc', 'quota', 'limits', 'pdb', 'pc', 'cs']) {
    const { code, stderr } = await fixture.kubectl(kubectl, ['get', name]);
    t.equal(code, 0, `kubectl get ${name} ${stderr}`);
  }
});

const fixtures = join(packageRoot(), '../shared/fixtures/api-roundtrip');
await t.test(
  'objects with every field set are judged, field by field',
  { skip: existsSync(fixtures) ? false : 'the fixtures are not here' },
  async (t) => {
    for (const { resource } of examples) {
      const definition = resource as ResourceDefinition;
      const { group, version, kind } = definition;
      const file = `${group === '' ? 'core' : group}.${version}.${kind}.json`;
      const object = JSON.parse(readFileSync(join(fixtures, file), 'utf8')) as { metadata: object };
      // What the server sets itself is not a client's to send.
      object.metadata = { name: 'full' };
      const answer = await request(
        'POST',
        `${collectionOf(definition)}?dryRun=All&fieldValidation=Strict`,
        object,
      );
      if (answer.status === 201) {
        t.pass(`${file} is accepted`);
        continue;
      }
      t.equal(
        answer.status,
        422,
        `${file}: ${answer.status === 422 ? 'refused by its content' : answer.text}`,
      );
      const causes = listOf(answer.json['details']?.['causes']);
      t.ok(causes.length > 0, 'with causes');
      const odd = causes.filter(
        (cause) =>
          !/^[a-z][A-Za-z]*([.[].*)?$/.test(textOf(cause['field'])) ||
          /undefined|\[object/.test(textOf(cause['message'])),
      );
      t.strictSame(odd, [], `${file}: every cause names a field and says something`);
    }
  },
);

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
