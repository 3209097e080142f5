/** The fine print of LIST, WATCH and DELETE of collections over HTTPS: revisions, chunks, selectors, refusals. */
import t from 'tap';
import type { JsonObject } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request, watch, store } = fixture;

const core = '/api/v1/namespaces/default';
const names = (list: JsonObject): string[] =>
  listOf(list['items']).map((one) => textOf(one['metadata']?.['name']));
const versionOf = (object: JsonObject): string => textOf(object['metadata']?.['resourceVersion']);
const tokenOf = (object: JsonObject): string => encodeURIComponent(textOf(object['metadata']?.['continue']));

async function configMap(name: string, labels: object = {}): Promise<JsonObject> {
  return (await request('POST', `${core}/configmaps`, { metadata: { name, labels } })).json;
}
for (const name of ['a', 'b', 'c', 'd', 'e']) await configMap(name);

await t.test('an exact revision, one not older, and whatever there is', async (t) => {
  const { json: before } = await request('GET', `${core}/configmaps`);
  const version = versionOf(before);
  await configMap('later');
  const exact = await request(
    'GET',
    `${core}/configmaps?resourceVersion=${version}&resourceVersionMatch=Exact`,
  );
  t.strictSame(names(exact.json), ['a', 'b', 'c', 'd', 'e']);
  t.equal(versionOf(exact.json), version);
  const byLimit = await request('GET', `${core}/configmaps?resourceVersion=${version}&limit=9`);
  t.strictSame(names(byLimit.json), names(exact.json), 'with a limit a revision means that one');
  for (const query of [
    `resourceVersion=${version}`,
    `resourceVersion=${version}&resourceVersionMatch=NotOlderThan`,
  ]) {
    const { json } = await request('GET', `${core}/configmaps?${query}`);
    t.ok(Number(versionOf(json)) > Number(version), query);
  }
  const any = await request('GET', `${core}/configmaps?resourceVersion=0&limit=2`);
  t.equal(names(any.json).length, 2);
  await request('DELETE', `${core}/configmaps/later`);
});

await t.test('refused in the same words wherever a collection is read', async (t) => {
  const text =
    'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided';
  for (const method of ['GET', 'DELETE']) {
    const { json } = await request(method, `${core}/configmaps?resourceVersionMatch=Exact`);
    t.match(json, {
      code: 422,
      reason: 'Invalid',
      message: `ListOptions.meta.k8s.io "" is invalid: ${text}`,
      details: { group: 'meta.k8s.io', kind: 'ListOptions', causes: [{ field: 'resourceVersionMatch' }] },
    });
  }
  const token = await request('DELETE', `${core}/configmaps?continue=nonsense`);
  t.match(token.json, { code: 400, message: /^invalid continue token: / });
  t.equal(names((await request('GET', `${core}/configmaps`)).json).length, 5, 'and nothing was deleted');
});

await t.test('a list whose revision is gone can go on with what there is now', async (t) => {
  const first = await request('GET', `${core}/configmaps?limit=2`);
  t.strictSame(names(first.json), ['a', 'b']);
  await configMap('bb');
  await request('DELETE', `${core}/configmaps/d`);
  await store.compact((await store.status()).revision);
  const expired = await request('GET', `${core}/configmaps?limit=2&continue=${tokenOf(first.json)}`);
  t.match(expired.json, {
    code: 410,
    reason: 'Expired',
    message: /^The provided continue parameter is too old .* or use the continue token in this response/,
    metadata: { continue: /./ },
  });
  const next = await request('GET', `${core}/configmaps?limit=2&continue=${tokenOf(expired.json)}`);
  t.strictSame(names(next.json), ['bb', 'c'], 'inconsistent, as the client was told');
  t.match(next.json['metadata'], { remainingItemCount: 1 });
  const last = await request('GET', `${core}/configmaps?limit=2&continue=${tokenOf(next.json)}`);
  t.strictSame(names(last.json), ['e']);
  t.equal(last.json['metadata']?.['continue'], undefined);
  t.equal(versionOf(last.json), versionOf(next.json), 'from there on it is consistent again');
  const old = await request('GET', `${core}/configmaps?resourceVersion=1&resourceVersionMatch=Exact`);
  t.match(old.json, { code: 410, message: 'The resourceVersion for the provided list is too old.' });
});

await t.test('revisions that are still to come', async (t) => {
  const answers = await Promise.all(
    ['resourceVersion=99999999', 'watch=true&resourceVersion=99999999'].map((query) =>
      request('GET', `${core}/configmaps?${query}`),
    ),
  );
  for (const { json, headers } of answers) {
    t.match(json, {
      code: 504,
      reason: 'Timeout',
      message: /^Too large resource version: 99999999/,
      details: {
        retryAfterSeconds: 1,
        causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
      },
    });
    t.equal(headers['retry-after'], '1');
  }
});

await t.test('a watch from a revision that is gone says so in an event', async (t) => {
  // The store was compacted: a server that joins now has no history from before.
  const successor = await startFixture({ store, keepStore: true });
  t.teardown(() => successor.stop());
  const late = successor.watch(`${core}/configmaps?watch=true&resourceVersion=1`);
  await late.until((lines) => lines.length === 1);
  t.match(late.lines[0], {
    type: 'ERROR',
    object: { kind: 'Status', code: 410, reason: 'Expired', message: /^too old resource version: 1/ },
  });
  await late.until(() => late.ended);
});

await t.test('fields that can be selected by, and others', async (t) => {
  const fields: Readonly<Record<string, readonly string[]>> = {
    '/api/v1/pods': [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.nominatedNodeName',
    ],
    '/api/v1/nodes': ['spec.unschedulable'],
    '/api/v1/namespaces': ['status.phase'],
    '/api/v1/secrets': ['type'],
    '/api/v1/services': ['spec.clusterIP', 'spec.type'],
    '/api/v1/replicationcontrollers': ['status.replicas'],
    '/api/v1/events': [
      'involvedObject.kind',
      'involvedObject.namespace',
      'involvedObject.name',
      'involvedObject.uid',
      'involvedObject.apiVersion',
      'involvedObject.resourceVersion',
      'involvedObject.fieldPath',
      'reason',
      'reportingComponent',
      'source',
      'type',
    ],
    '/apis/apps/v1/replicasets': ['status.replicas'],
    '/apis/batch/v1/jobs': ['status.successful'],
    '/apis/certificates.k8s.io/v1/certificatesigningrequests': ['spec.signerName'],
    '/apis/apps/v1/deployments': [],
    '/api/v1/configmaps': [],
  };
  for (const [path, supported] of Object.entries(fields)) {
    const cluster = ['nodes', 'namespaces', 'certificatesigningrequests'].some((one) => path.endsWith(one));
    for (const field of ['metadata.name', ...(cluster ? [] : ['metadata.namespace']), ...supported]) {
      const { status } = await request(
        'GET',
        `${path}?fieldSelector=${encodeURIComponent(`${field}=x,${field}!=y`)}`,
      );
      t.equal(status, 200, `${path}: ${field}`);
    }
    for (const method of ['GET', ...(path.endsWith('namespaces') ? [] : ['DELETE'])]) {
      const { json } = await request(method, `${path}?fieldSelector=spec.color%3Dred`);
      t.match(json, { code: 400, message: 'field label not supported: spec.color' }, path);
    }
  }
  for (const selector of ['a=b=c', 'metadata.name', 'metadata.name>b'])
    t.equal((await request('GET', `/api/v1/pods?fieldSelector=${encodeURIComponent(selector)}`)).status, 400);
  for (const selector of ['a in', '!', 'a=b c', '-=x', 'a>b', 'a in (b'])
    t.match((await request('GET', `/api/v1/pods?labelSelector=${encodeURIComponent(selector)}`)).json, {
      code: 400,
      reason: 'BadRequest',
    });
});

await t.test('a collection is deleted in chunks, by selection, or not at all in a dry run', async (t) => {
  for (const name of ['m1', 'm2', 'm3', 'm4']) await configMap(name, { bulk: 'yes' });
  const selected = `${core}/configmaps?labelSelector=bulk%3Dyes`;
  const dry = await request('DELETE', `${selected}&dryRun=All`);
  t.strictSame(names(dry.json), ['m1', 'm2', 'm3', 'm4']);
  t.equal(names((await request('GET', selected)).json).length, 4, 'nothing was deleted');
  const chunk = await request('DELETE', `${selected}&limit=3`);
  t.strictSame(names(chunk.json), ['m1', 'm2', 'm3']);
  t.match(chunk.json['metadata'], { continue: /./ });
  t.strictSame(names((await request('GET', selected)).json), ['m4']);
  const stale = await request('DELETE', selected, { preconditions: { uid: 'another' } });
  t.equal(stale.status, 409);
  await request('DELETE', selected);
  t.strictSame(names((await request('GET', selected)).json), []);
  t.equal((await request('DELETE', '/api/v1/namespaces')).status, 405, 'namespaces go one by one');
});

await t.test('a watch without objects to begin with', async (t) => {
  const version = versionOf((await request('GET', `${core}/configmaps`)).json);
  const stream = watch(
    `${core}/configmaps?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=${version}`,
  );
  t.teardown(stream.close);
  await configMap('fresh');
  await stream.until((lines) => lines.length > 0);
  t.match(stream.lines, [{ type: 'ADDED', object: { metadata: { name: 'fresh' } } }]);
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
