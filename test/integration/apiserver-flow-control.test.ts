/** Priority and fairness over HTTP, with levels so small that one open request fills them. */
import { connect } from 'node:http2';
import type { ClientHttp2Session, IncomingHttpHeaders } from 'node:http2';
import tap from 'tap';
import { defaultFlowSchemas, defaultPriorityLevels } from '../../apiserver/flow-control/default-objects.js';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';
import type { ApiServerFixture, JsonObject } from '../support/apiserver-fixture.js';
import { until } from '../support/until.js';

const group = '/apis/flowcontrol.apiserver.k8s.io/v1';
const configMaps = '/api/v1/namespaces/default/configmaps';

interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** The scheduler's certificate: a user like any other, and not exempt. */
class Client {
  readonly #session: ClientHttp2Session;

  constructor({ url, pki }: ApiServerFixture) {
    const { certificate: cert, privateKey: key } = pki.pair('scheduler');
    this.#session = connect(url, { ca: pki.authority, cert, key });
    this.#session.on('error', () => undefined);
  }

  get(path: string): Promise<Reply> {
    return this.#send({ ':path': path }).answered;
  }

  /** A write that holds its seat until its body is complete. */
  openWrite(path: string): { readonly answered: Promise<Reply>; readonly complete: (body: string) => void } {
    const { stream, answered } = this.#send(
      { ':method': 'POST', ':path': path, 'content-type': 'application/json' },
      false,
    );
    return { answered, complete: (body) => stream.end(body) };
  }

  #send(headers: Readonly<Record<string, string>>, endStream = true) {
    const stream = this.#session.request(headers, { endStream });
    const answered = new Promise<Reply>((resolve, reject) => {
      let text = '';
      let head: IncomingHttpHeaders & { ':status'?: number | undefined } = {};
      stream.setEncoding('utf8');
      stream.on('response', (received) => (head = received));
      stream.on('data', (chunk: string) => (text += chunk));
      stream.on('end', () => {
        resolve({ status: head[':status'] ?? 0, headers: head, text });
      });
      stream.on('error', reject);
    });
    return { stream, answered };
  }

  close(): void {
    this.#session.destroy();
  }
}

const level = (name: string, limitResponse: object): object => ({
  metadata: { name },
  spec: {
    type: 'Limited',
    // No shares, no seats of its own, nothing borrowed: one request at a time.
    limited: { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse },
  },
});

const schemaFor = (levelName: string): object => ({
  metadata: { name: 'scheduler-alone' },
  spec: {
    matchingPrecedence: 50,
    priorityLevelConfiguration: { name: levelName },
    distinguisherMethod: { type: 'ByUser' },
    rules: [
      {
        subjects: [{ kind: 'User', user: { name: 'system:kube-scheduler' } }],
        resourceRules: [
          { verbs: ['*'], apiGroups: ['*'], resources: ['*'], namespaces: ['*'], clusterScope: true },
        ],
      },
    ],
  },
});

const configMap = (name: string): string => JSON.stringify({ metadata: { name } });

/** Waits until the request's level is the one that it should be: the server has seen the configuration. */
async function levelIs(fixture: ApiServerFixture, client: Client, name: string): Promise<void> {
  const { json } = await fixture.request('GET', `${group}/prioritylevelconfigurations/${name}`);
  await until(`requests are in ${name}`, async () => {
    const { headers } = await client.get(configMaps);
    return headers['x-kubernetes-pf-prioritylevel-uid'] === textOf(json['metadata']?.['uid']);
  });
}

function metricValue(text: string, line: string): number {
  const found = text.split('\n').find((one) => one.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1));
}

await tap.test('default objects are there, in use, and kept', async (t) => {
  const store = await openStore({ backend: 'memory' });
  const first = await startFixture({ store, keepStore: true });
  const names = ({ json }: { readonly json: JsonObject }): string[] =>
    listOf(json['items']).map((item) => textOf(item['metadata']?.['name']));
  const levels = await first.request('GET', `${group}/prioritylevelconfigurations`);
  t.same(names(levels), defaultPriorityLevels.map(({ name }) => name).toSorted());
  const schemas = await first.request('GET', `${group}/flowschemas`);
  t.same(names(schemas), defaultFlowSchemas.map(({ name }) => name).toSorted());
  for (const item of [...listOf(levels.json['items']), ...listOf(schemas.json['items'])])
    t.match(item, { metadata: { annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } } });
  const uidOf = (answer: { readonly json: JsonObject }, name: string): string =>
    textOf(
      listOf(answer.json['items']).find((one) => textOf(one['metadata']?.['name']) === name)?.['metadata']?.[
        'uid'
      ],
    );
  const answer = await first.request('GET', '/api');
  t.equal(answer.headers['x-kubernetes-pf-flowschema-uid'], uidOf(schemas, 'exempt'));
  t.equal(answer.headers['x-kubernetes-pf-prioritylevel-uid'], uidOf(levels, 'exempt'));
  const probe = await first.request('GET', '/readyz', undefined, { anonymous: true });
  t.equal(probe.headers['x-kubernetes-pf-flowschema-uid'], uidOf(schemas, 'probes'));
  const stranger = await first.request('GET', '/api/v1/pods', undefined, { anonymous: true });
  t.equal(stranger.status, 403);
  t.equal(stranger.headers['x-kubernetes-pf-flowschema-uid'], uidOf(schemas, 'global-default'));

  const change = async (path: string, spec: object, annotations?: object): Promise<void> => {
    const headers = { 'content-type': 'application/merge-patch+json' };
    const body = { spec, ...(annotations === undefined ? {} : { metadata: { annotations } }) };
    t.equal((await first.request('PATCH', `${group}/${path}`, body, { headers })).status, 200);
  };
  await change('flowschemas/catch-all', { distinguisherMethod: { type: 'ByNamespace' } });
  await change('flowschemas/service-accounts', { matchingPrecedence: 8000 });
  await change(
    'prioritylevelconfigurations/system',
    { limited: { nominalConcurrencyShares: 77 } },
    { 'apf.kubernetes.io/autoupdate-spec': 'false' },
  );
  await first.request('DELETE', `${group}/flowschemas/probes`);
  await first.request('POST', `${group}/flowschemas`, {
    metadata: { name: 'of-old', annotations: { 'apf.kubernetes.io/autoupdate-spec': 'true' } },
    spec: { priorityLevelConfiguration: { name: 'system' } },
  });
  await first.stop();

  const second = await startFixture({ store });
  t.teardown(second.stop);
  const specOf = async (path: string): Promise<JsonObject | undefined> =>
    (await second.request('GET', `${group}/${path}`)).json['spec'];
  t.match(await specOf('flowschemas/catch-all'), { distinguisherMethod: { type: 'ByUser' } }, 'mandatory');
  t.match(await specOf('flowschemas/service-accounts'), { matchingPrecedence: 9000 }, 'said to be kept');
  t.match(
    await specOf('prioritylevelconfigurations/system'),
    { limited: { nominalConcurrencyShares: 77 } },
    "the administrator's",
  );
  t.equal((await second.request('GET', `${group}/flowschemas/probes`)).status, 200, 'created again');
  t.equal((await second.request('GET', `${group}/flowschemas/of-old`)).status, 404, 'suggested no more');
  t.same([...first.errors, ...second.errors], []);
});

await tap.test('a level that rejects', async (t) => {
  const fixture = await startFixture();
  const client = new Client(fixture);
  t.teardown(async () => {
    client.close();
    await fixture.stop();
  });
  await fixture.request('POST', `${group}/prioritylevelconfigurations`, level('tiny', { type: 'Reject' }));
  const created = await fixture.request('POST', `${group}/flowschemas`, schemaFor('tiny'));
  await levelIs(fixture, client, 'tiny');

  const open = client.openWrite(configMaps);
  let refused: Reply | undefined;
  await until('the level is full', async () => {
    refused = await client.get(configMaps);
    return refused.status === 429;
  });
  t.equal(refused?.headers['retry-after'], '1');
  t.equal(refused?.headers['x-kubernetes-pf-flowschema-uid'], textOf(created.json['metadata']?.['uid']));
  t.match(JSON.parse(refused?.text ?? '{}'), {
    kind: 'Status',
    reason: 'TooManyRequests',
    code: 429,
    details: { retryAfterSeconds: 1 },
  });
  t.equal((await client.get('/readyz')).status, 200, 'probes are exempt');
  t.equal((await fixture.request('GET', configMaps)).status, 200, 'administrators are exempt');
  const metrics = (await fixture.request('GET', '/metrics')).text;
  const dump = (await fixture.request('GET', '/debug/api_priority_and_fairness/dump_priority_levels')).text;
  const rows = dump.split('\n').map((row) => row.split(/, */));
  t.equal(
    rows[0]?.join(' '),
    'PriorityLevelName ActiveQueues IsIdle IsQuiescing WaitingRequests ExecutingRequests DispatchedRequests RejectedRequests TimedoutRequests CancelledRequests',
  );
  const tiny = rows.find(([name]) => name === 'tiny') ?? [];
  t.strictSame(tiny.slice(0, 6), ['tiny', '0', 'false', 'false', '0', '1']);
  t.ok(Number(tiny[7]) >= 1, 'refusals');
  t.equal((await client.get('/debug/api_priority_and_fairness/none')).status, 404);
  const refusals =
    'apiserver_request_terminations_total{code="429",verb="LIST",group="",version="v1",resource="configmaps",subresource="",scope="namespace",component="apiserver"}';
  t.ok(metricValue(metrics, refusals) >= 1, 'the server protected itself');
  const labels = 'priority_level="tiny",flow_schema="scheduler-alone"';
  t.ok(
    metricValue(
      metrics,
      `apiserver_flowcontrol_rejected_requests_total{${labels},reason="concurrency-limit"}`,
    ) >= 1,
  );
  t.equal(metricValue(metrics, `apiserver_flowcontrol_current_executing_requests{${labels}}`), 1);
  t.equal(
    metricValue(metrics, 'apiserver_flowcontrol_nominal_limit_seats{priority_level="global-default"}'),
    49,
  );

  open.complete(configMap('held'));
  t.equal((await open.answered).status, 201);
  t.equal((await client.get(configMaps)).status, 200, 'the seat is free again');

  const watch = client.openWrite('/api/v1/namespaces');
  watch.complete('{}');
  t.equal((await watch.answered).status, 422, 'a refused write gives its seat back');
  t.equal((await client.get(configMaps)).status, 200);
  t.same(fixture.errors, []);
});

await tap.test('a watch holds its seat until it has begun', async (t) => {
  const fixture = await startFixture();
  const client = new Client(fixture);
  t.teardown(async () => {
    client.close();
    await fixture.stop();
  });
  await fixture.request('POST', `${group}/prioritylevelconfigurations`, level('tiny', { type: 'Reject' }));
  await fixture.request('POST', `${group}/flowschemas`, schemaFor('tiny'));
  await levelIs(fixture, client, 'tiny');
  const watching = client.get(`${configMaps}?watch=1&timeoutSeconds=2`);
  await until('the watch has begun', async () => {
    const { text } = await fixture.request('GET', '/metrics');
    return text.includes(
      'request_execution_seconds_count{priority_level="tiny",flow_schema="scheduler-alone",type="watch"} 1',
    );
  });
  t.equal((await client.get(configMaps)).status, 200);
  t.equal((await watching).status, 200);
});

await tap.test('a level that queues', async (t) => {
  const fixture = await startFixture();
  const client = new Client(fixture);
  t.teardown(async () => {
    client.close();
    await fixture.stop();
  });
  const queuing = { queues: 1, handSize: 1, queueLengthLimit: 1 };
  await fixture.request(
    'POST',
    `${group}/prioritylevelconfigurations`,
    level('patient', { type: 'Queue', queuing }),
  );
  await fixture.request('POST', `${group}/flowschemas`, schemaFor('patient'));
  await levelIs(fixture, client, 'patient');
  const open = client.openWrite(configMaps);
  const waiting = client.openWrite(configMaps);
  waiting.complete(configMap('second'));
  const inQueue =
    'apiserver_flowcontrol_current_inqueue_requests{priority_level="patient",flow_schema="scheduler-alone"}';
  await until(
    'one request waits',
    async () => metricValue((await fixture.request('GET', '/metrics')).text, inQueue) === 1,
  );
  const refused = await client.get(configMaps);
  t.equal(refused.status, 429, 'the queue is full');
  t.equal((await fixture.request('GET', `${configMaps}/second`)).status, 404, 'what waits has not run');
  open.complete(configMap('first'));
  t.equal((await open.answered).status, 201);
  t.equal((await waiting.answered).status, 201);

  // Changes take effect on what comes next, without a restart.
  await fixture.request('DELETE', `${group}/prioritylevelconfigurations/patient`);
  await levelIs(fixture, client, 'workload-high');
  await until('the FlowSchema is called dangling', async () => {
    const { json } = await fixture.request('GET', `${group}/flowschemas/scheduler-alone`);
    const [condition] = listOf(json['status']?.['conditions']);
    return textOf(condition?.['status']) === 'True';
  });
  const { json } = await fixture.request('GET', `${group}/flowschemas/scheduler-alone`);
  t.match(json['status'], {
    conditions: [
      {
        type: 'Dangling',
        status: 'True',
        reason: 'NotFound',
        message:
          'This FlowSchema references the PriorityLevelConfiguration object named "patient" but there is no such object',
      },
    ],
  });
  t.same(fixture.errors, []);
});

await tap.test('plain limits without priority and fairness', async (t) => {
  const fixture = await startFixture({ flowControl: { enabled: false, maxMutating: 1, maxReadOnly: 0 } });
  const client = new Client(fixture);
  t.teardown(async () => {
    client.close();
    await fixture.stop();
  });
  const open = client.openWrite(configMaps);
  const watching = client.get(`${configMaps}?watch=1&timeoutSeconds=1`);
  let refused: Reply | undefined;
  await until('writes are limited', async () => {
    const more = client.openWrite(configMaps);
    more.complete('{}');
    refused = await more.answered;
    return refused.status === 429;
  });
  t.equal(refused?.headers['retry-after'], '1');
  const reply = await client.get(configMaps);
  t.equal(reply.status, 200, 'reads have no limit here');
  t.equal(reply.headers['x-kubernetes-pf-flowschema-uid'], undefined);
  t.equal(
    (await fixture.request('POST', configMaps, { metadata: { name: 'a' } })).status,
    201,
    'system:masters',
  );
  open.complete(configMap('b'));
  t.equal((await open.answered).status, 201);
  t.equal((await watching).status, 200);
  t.same(fixture.errors, []);
});
