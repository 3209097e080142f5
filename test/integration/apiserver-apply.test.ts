/** Server-side apply and managedFields, over HTTPS and with the real kubectl. */
import t from 'tap';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import type { Answer, CommandResult, JsonObject } from '../support/apiserver-fixture.js';
import { listOf, startFixture, textOf } from '../support/apiserver-fixture.js';

const fixture = await startFixture();
t.teardown(() => fixture.stop());
const { request } = fixture;
const binary = await unpackTool('v1.35', 'kubectl');

const kubectl = (args: readonly string[], stdin?: string): Promise<CommandResult> =>
  fixture.kubectl(binary, args, stdin);

async function succeed(args: readonly string[], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await kubectl(args, stdin);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

const core = '/api/v1/namespaces/default';
const apps = '/apis/apps/v1/namespaces/default';

interface Entry {
  readonly manager: string;
  readonly operation: string;
  readonly subresource?: string;
  readonly apiVersion: string;
  readonly time: string;
  readonly fieldsV1: object;
}

function entriesOf(object: JsonObject): readonly Entry[] {
  return listOf(object['metadata']?.['managedFields']) as readonly unknown[] as readonly Entry[];
}

/** `manager operation[ subresource]` of each entry. */
function managersOf(object: JsonObject): string[] {
  return entriesOf(object).map(({ manager, operation, subresource }) =>
    [manager, operation, ...(subresource === undefined ? [] : [subresource])].join(' '),
  );
}

function fieldsOf(object: JsonObject, manager: string): string {
  return JSON.stringify(entriesOf(object).find((entry) => entry.manager === manager)?.fieldsV1);
}

async function get(path: string): Promise<JsonObject> {
  return (await request('GET', path)).json;
}

function applyTo(path: string, body: unknown, query = 'fieldManager=me'): Promise<Answer> {
  return request('PATCH', `${path}?${query}`, body, {
    headers: { 'content-type': 'application/apply-patch+yaml' },
  });
}

const configMap = (name: string, data: object): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data,
});

const deploymentYaml = (replicas: string, image = 'localhost/knarr/web:1'): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, labels: { app: web } }
spec:
  ${replicas}
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
      - name: web
        image: ${image}
        ports: [{ containerPort: 80 }]
`;

await t.test('every kind of write has a manager', async (t) => {
  const as = (agent: string, more: object = {}): { headers: Record<string, string> } => ({
    headers: { 'user-agent': agent, ...more },
  });
  const merge = { 'content-type': 'application/merge-patch+json' };
  const scale = { replicas: 1, selector: { matchLabels: { app: 'w' } } };
  const template = {
    metadata: { labels: { app: 'w' } },
    spec: { containers: [{ name: 'w', image: 'w:1' }] },
  };
  const at = `${apps}/deployments/written`;
  const created = await request(
    'POST',
    `${apps}/deployments`,
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'written' },
      spec: { ...scale, template },
    },
    as('creator/v1 (linux)'),
  );
  t.equal(created.status, 201);
  t.strictSame(managersOf(created.json), ['creator Update']);
  t.notMatch(fieldsOf(created.json, 'creator'), /uid|creationTimestamp|f:name":{}}}$/);

  await request('PATCH', at, { metadata: { labels: { a: '1' } } }, as('patcher', merge));
  await request(
    'PATCH',
    `${at}?fieldManager=named`,
    { metadata: { labels: { b: '1' } } },
    as('patcher', merge),
  );
  await request('PATCH', `${at}/status`, { status: { replicas: 1 } }, as('controller/1', merge));
  await request('PATCH', `${at}/scale`, { spec: { replicas: 4 } }, as('autoscaler', merge));
  const live = await get(at);
  await request('PUT', at, { ...live, spec: { ...live['spec'], paused: true } }, as('updater'));
  const object = await get(at);
  t.strictSame(managersOf(object).sort(), [
    'autoscaler Update scale',
    'controller Update status',
    'creator Update',
    'named Update',
    'patcher Update',
    'updater Update',
  ]);
  t.equal(fieldsOf(object, 'updater'), '{"f:spec":{"f:paused":{}}}');
  t.equal(fieldsOf(object, 'autoscaler'), '{"f:spec":{"f:replicas":{}}}');
  t.equal(fieldsOf(object, 'controller'), '{"f:status":{"f:replicas":{}}}');
  t.equal(fieldsOf(object, 'named'), '{"f:metadata":{"f:labels":{"f:b":{}}}}');

  const before = textOf(object['metadata']?.['resourceVersion']);
  await request('PUT', at, object, as('nobody'));
  await request('PATCH', at, { metadata: { labels: { a: '1' } } }, as('nobody', merge));
  t.equal(
    textOf((await get(at))['metadata']?.['resourceVersion']),
    before,
    'who changes nothing writes nothing',
  );

  const taken = await request('PUT', at, {
    ...object,
    metadata: { ...object['metadata'], managedFields: [{}] },
  });
  t.strictSame(managersOf(taken.json), [], 'taken off with a single empty entry');
});

await t.test('what the server takes back is no reason to write again', async (t) => {
  const at = `${core}/services/again`;
  const spec = { selector: { a: 'b' }, ports: [{ port: 80 }] };
  await request('POST', `${core}/services`, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'again' },
    spec,
  });
  const body = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'again' }, spec };
  const first = await request('PUT', at, body);
  const second = await request('PUT', at, body);
  t.equal(second.status, 200, second.text);
  t.equal(
    textOf(second.json['metadata']?.['resourceVersion']),
    textOf(first.json['metadata']?.['resourceVersion']),
  );
});

await t.test('apply over HTTP', async (t) => {
  const at = `${core}/configmaps/applied`;
  const created = await applyTo(at, configMap('applied', { a: '1', b: '1' }));
  t.equal(created.status, 201);
  t.strictSame(managersOf(created.json), ['me Apply']);
  const again = await applyTo(at, configMap('applied', { a: '1', b: '1' }));
  t.equal(again.status, 200);
  t.strictSame(again.json, created.json, 'nothing has changed');
  const yaml = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: applied\ndata:\n  a: "1"\n';
  t.strictSame((await applyTo(at, yaml)).json['data'], { a: '1' }, 'YAML, and a field given up');

  const dry = await applyTo(at, configMap('applied', { a: '2' }), 'fieldManager=me&dryRun=All');
  t.strictSame(dry.json['data'], { a: '2' });
  t.strictSame((await get(at))['data'], { a: '1' });
  const dryCreate = await applyTo(
    `${core}/configmaps/dry`,
    configMap('dry', {}),
    'fieldManager=me&dryRun=All',
  );
  t.equal(dryCreate.status, 201);
  t.equal((await request('GET', `${core}/configmaps/dry`)).status, 404);

  const refused: [string, unknown, string, number, RegExp][] = [
    [
      at,
      configMap('applied', { a: '3' }),
      'fieldManager=other',
      409,
      /1 conflict: conflict with "me": \.data\.a$/,
    ],
    [at, configMap('applied', {}), '', 422, /PatchOptions.*fieldManager: Required value/],
    [at, configMap('other', {}), 'fieldManager=me', 400, /does not match the name on the URL/],
    [
      at,
      { ...configMap('applied', {}), metadata: { name: 'applied', namespace: 'x' } },
      'fieldManager=me',
      400,
      /namespace/,
    ],
    [
      at,
      { ...configMap('applied', {}), kind: 'Secret' },
      'fieldManager=me',
      400,
      /invalid object type: v1, Kind=Secret/,
    ],
    [at, configMap('applied', { a: 1 }), 'fieldManager=me', 400, /cannot unmarshal number/],
    [at, '[1', 'fieldManager=me', 400, /yaml/],
    [at, '[]', 'fieldManager=me', 400, /not an object/],
    [
      at,
      { ...configMap('applied', {}), extra: 1 },
      'fieldManager=me',
      400,
      /\.extra: field not declared in schema/,
    ],
    [
      at,
      { ...configMap('applied', {}), metadata: { name: 'applied', resourceVersion: '1' } },
      'fieldManager=me',
      409,
      /the object has been modified/,
    ],
    [
      `${core}/configmaps/none`,
      { ...configMap('none', {}), metadata: { name: 'none', uid: 'x' } },
      'fieldManager=me',
      409,
      /uid mismatch/,
    ],
    [`${core}/pods/none/status`, { apiVersion: 'v1', kind: 'Pod' }, 'fieldManager=me', 404, /not found/],
  ];
  for (const [path, body, query, status, message] of refused) {
    const answer = await applyTo(path, body, query);
    t.equal(answer.status, status, answer.text);
    t.match(textOf(answer.json['message']), message);
  }
  const forced = await applyTo(at, configMap('applied', { a: '3' }), 'fieldManager=other&force=true');
  t.strictSame(managersOf(forced.json), ['other Apply']);
  const plain = await request(
    'PATCH',
    `${at}?force=true`,
    {},
    { headers: { 'content-type': 'application/merge-patch+json' } },
  );
  t.match(plain.text, /force: Forbidden: may not be specified for non-apply patch/);
});

await t.test('two who apply at once: both are heard', async (t) => {
  const at = `${core}/configmaps/raced`;
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      applyTo(at, configMap('raced', { [`k${index}`]: 'x' }), `fieldManager=m${index}`),
    ),
  );
  t.equal(answers.filter(({ status }) => status === 201).length, 1, 'one of them creates');
  t.ok(answers.every(({ status }) => status === 200 || status === 201));
  const object = await get(at);
  t.equal(Object.keys(object['data'] ?? {}).length, 20);
  t.equal(entriesOf(object).length, 20, 'who applies is never merged away');
});

await t.test('scale through apply', async (t) => {
  const at = `${apps}/deployments/written/scale`;
  const answer = await applyTo(
    at,
    { apiVersion: 'autoscaling/v1', kind: 'Scale', metadata: { name: 'written' }, spec: { replicas: 7 } },
    'fieldManager=hpa&force=true',
  );
  t.equal(answer.status, 200, answer.text);
  t.strictSame(answer.json['spec'], { replicas: 7 });
  const object = await get(`${apps}/deployments/written`);
  t.ok(managersOf(object).includes('hpa Apply scale'));
  t.equal(fieldsOf(object, 'hpa'), '{"f:spec":{"f:replicas":{}}}');
});

await t.test('kubectl apply --server-side', async (t) => {
  const apply = (yaml: string, ...more: string[]): Promise<CommandResult> =>
    kubectl(['apply', '--server-side', '-f', '-', ...more], yaml);
  t.equal((await apply(deploymentYaml('replicas: 3'))).stdout, 'deployment.apps/web serverside-applied\n');
  const shown = await succeed(['get', 'deployment', 'web', '--show-managed-fields', '-o', 'yaml']);
  t.match(shown, /manager: kubectl\n {4}operation: Apply/);
  t.match(shown, /k:\{"name":"web"\}/);
  t.notMatch(await succeed(['get', 'deployment', 'web', '-o', 'yaml']), 'managedFields', 'hidden otherwise');

  await succeed(['scale', 'deployment', 'web', '--replicas=5']);
  const conflict = await apply(deploymentYaml('replicas: 3'));
  t.equal(conflict.code, 1);
  t.match(
    conflict.stderr,
    'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using apps/v1: .spec.replicas',
  );
  t.match(conflict.stderr, 'Please review the fields above--they currently have other managers.');

  const other = await apply(deploymentYaml('replicas: 2', 'localhost/knarr/web:2'), '--field-manager=ops');
  t.match(other.stderr, /Apply failed with 2 conflicts: conflicts with "kubectl":\n- .*image\n/);
  t.match(other.stderr, 'conflicts with "kubectl" with subresource "scale" using apps/v1:\n- .spec.replicas');

  const forced = await apply(deploymentYaml('replicas: 3'), '--force-conflicts');
  t.equal(forced.code, 0, forced.stderr);
  t.strictSame(managersOf(await get(`${apps}/deployments/web`)), ['kubectl Apply']);

  const given = await apply(deploymentYaml('paused: true'));
  t.equal(given.code, 0, given.stderr);
  const object = await get(`${apps}/deployments/web`);
  t.equal(object['spec']?.['replicas'], 1, 'given up: back to the default');

  t.match(
    (await apply(deploymentYaml('paused: true'), '--dry-run=server')).stdout,
    'serverside-applied (server dry run)',
  );
  const difference = await kubectl(['diff', '--server-side', '-f', '-'], deploymentYaml('paused: false'));
  t.equal(difference.code, 1, difference.stderr);
  t.match(difference.stdout, /-\s+paused: true/);
});

await t.test('from client-side apply to server-side apply', async (t) => {
  const yaml = (color: string): string =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: migrated }\ndata: { color: ${color}, size: big }\n`;
  await succeed(['apply', '-f', '-'], yaml('red'));
  const path = `${core}/configmaps/migrated`;
  t.strictSame(managersOf(await get(path)), ['kubectl-client-side-apply Update']);

  const answer = await kubectl(['apply', '--server-side', '-f', '-'], yaml('blue'));
  t.equal(answer.code, 0, answer.stderr);
  const object = await get(path);
  // kubectl rewrites the entry of client-side apply, and keeps the annotation under a name of its own.
  t.strictSame(managersOf(object).sort(), ['kubectl Apply', 'kubectl-last-applied Apply']);
  t.strictSame(object['data'], { color: 'blue', size: 'big' });
  const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
  t.match(textOf(object['metadata']?.['annotations']?.[annotation]), '"color":"blue"');

  const less = 'apiVersion: v1\nkind: ConfigMap\nmetadata: { name: migrated }\ndata: { color: blue }\n';
  await succeed(['apply', '--server-side', '-f', '-'], less);
  t.strictSame((await get(path))['data'], { color: 'blue' }, 'what was applied client-side can be given up');
  await succeed(['apply', '-f', '-'], yaml('green'));
  t.strictSame((await get(path))['data'], { color: 'green', size: 'big' }, 'and back');
});

await t.test('kubectl apply --server-side --subresource=status', async (t) => {
  const yaml = `
apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
status:
  observedGeneration: 1
  conditions: [{ type: Available, status: "True", reason: Tested, message: by hand }]
`;
  const answer = await kubectl(
    ['apply', '--server-side', '--subresource=status', '--field-manager=tester', '-f', '-'],
    yaml,
  );
  t.equal(answer.code, 0, answer.stderr);
  const object = await get(`${apps}/deployments/web`);
  t.ok(managersOf(object).includes('tester Apply status'));
  t.match(
    fieldsOf(object, 'tester'),
    '{"f:status":{"f:conditions":{"k:{\\"type\\":\\"Available\\"}":{".":{}',
  );
  t.equal(object['spec']?.['paused'], true, 'spec is as it was');
});

await t.test('no handler failed', async (t) => {
  t.strictSame(fixture.errors, []);
});
