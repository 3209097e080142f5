import t from 'tap';
import { OpenApiPublisher } from '../../../api/openapi/publisher.js';
import { rootOf } from '../../../api/openapi/operations.js';
import { resourceDefinitions } from '../../../api/resources.js';
import { loadSchema } from '../../../api/schema/load.js';

const publisher = new OpenApiPublisher({
  schema: loadSchema(),
  resources: resourceDefinitions,
  custom: new Map(),
  version: 'v1.35.0',
});

type Json = Record<string, unknown>;

function parse(document: { body: Uint8Array } | undefined): Json {
  return JSON.parse(Buffer.from(document?.body ?? []).toString()) as Json;
}

/** Every `$ref` of a document. */
function references(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(references);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) =>
    key === '$ref' && typeof member === 'string' ? [member] : references(member),
  );
}

/** Every `operationId` of a document. */
function operationIds(paths: Json): string[] {
  return Object.values(paths).flatMap((item) =>
    Object.values(item as Json).flatMap((one) => {
      const id = (one as { operationId?: string }).operationId;
      return id === undefined ? [] : [id];
    }),
  );
}

void t.test('version 3: an index, and a document for each group and version', async (t) => {
  const index = parse(await publisher.v3Index()).paths as Record<string, { serverRelativeURL: string }>;
  t.strictSame(Object.keys(index), [...new Set(resourceDefinitions.map(rootOf))].sort());
  for (const [root, { serverRelativeURL }] of Object.entries(index)) {
    const published = await publisher.v3(root);
    t.equal(serverRelativeURL, `/openapi/v3/${root}?hash=${published?.etag.slice(1, -1) ?? ''}`);
    const document = parse(published);
    const { schemas } = document.components as { schemas: Json };
    const named = references(document).map((one) => one.replace('#/components/schemas/', ''));
    t.strictSame(
      named.filter((name) => !(name in schemas)),
      [],
      `${root}: every reference leads somewhere`,
    );
    t.strictSame(
      Object.keys(schemas).filter((name) => !named.includes(name)),
      [],
      `${root}: nothing is idle`,
    );
    const ids = operationIds(document.paths as Json);
    t.equal(new Set(ids).size, ids.length, `${root}: operation ids are unique`);
  }
  t.equal(await publisher.v3('apis/none/v1'), undefined);
});

void t.test('version 3: what kubectl looks for', async (t) => {
  const document = parse(await publisher.v3('apis/apps/v1'));
  const name = 'io.k8s.api.apps.v1.Deployment';
  t.match(document, {
    openapi: '3.0.0',
    paths: {
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}': {
        get: { 'x-kubernetes-action': 'get', operationId: 'readAppsV1NamespacedDeployment' },
        patch: {
          'x-kubernetes-action': 'patch',
          'x-kubernetes-group-version-kind': { group: 'apps', version: 'v1', kind: 'Deployment' },
        },
      },
      '/apis/apps/v1/namespaces/{namespace}/deployments/{name}/scale': {
        put: { 'x-kubernetes-group-version-kind': { group: 'autoscaling', kind: 'Scale' } },
      },
      '/apis/apps/v1/deployments': { get: { 'x-kubernetes-action': 'list' } },
    },
    components: {
      schemas: {
        [name]: {
          properties: { spec: { allOf: [{ $ref: `#/components/schemas/${name}Spec` }], default: {} } },
          'x-kubernetes-group-version-kind': [{ group: 'apps', version: 'v1', kind: 'Deployment' }],
        },
        [`${name}List`]: { required: ['items'] },
        [`${name}Spec`]: {
          required: ['selector', 'template'],
          properties: { strategy: { 'x-kubernetes-patch-strategy': 'retainKeys' } },
        },
        'io.k8s.api.core.v1.PodSpec': {
          required: ['containers'],
          properties: {
            containers: {
              type: 'array',
              'x-kubernetes-list-type': 'map',
              'x-kubernetes-list-map-keys': ['name'],
              'x-kubernetes-patch-strategy': 'merge',
              'x-kubernetes-patch-merge-key': 'name',
            },
            restartPolicy: { enum: ['Always', 'Never', 'OnFailure'] },
            nodeSelector: { additionalProperties: { type: 'string' }, 'x-kubernetes-map-type': 'atomic' },
          },
        },
        'io.k8s.api.core.v1.ContainerPort': { properties: { protocol: { default: 'TCP' } } },
      },
    },
  });
  const paths = document.paths as Record<string, Record<string, { parameters?: { name: string }[] }>>;
  const item = paths['/apis/apps/v1/namespaces/{namespace}/deployments/{name}'];
  for (const method of ['put', 'patch']) {
    const names = item?.[method]?.parameters?.map((one) => one.name) ?? [];
    for (const parameter of ['dryRun', 'fieldManager', 'fieldValidation'])
      t.ok(names.includes(parameter), `${method} takes ${parameter}`);
  }
});

void t.test('version 2 as JSON', async (t) => {
  const published = await publisher.v2('application/json');
  t.equal(published.contentType, 'application/json');
  const document = parse(published);
  t.equal(document.swagger, '2.0');
  const definitions = document.definitions as Json;
  const names = references(document).map((one) => one.replace('#/definitions/', ''));
  t.strictSame(
    names.filter((name) => !(name in definitions)),
    [],
    'every reference leads somewhere',
  );
  t.match(definitions['io.k8s.api.core.v1.Container'], {
    required: ['name'],
    properties: { resources: { $ref: '#/definitions/io.k8s.api.core.v1.ResourceRequirements' } },
  });
  t.equal((await publisher.v2(undefined)).body, published.body, 'built once');
});

void t.test('version 2 as protobuf, by either name of the type', async (t) => {
  const answerType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
  for (const accept of [answerType, 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf']) {
    const { contentType, body } = await publisher.v2(`${accept}, */*`);
    t.equal(contentType, answerType);
    // Field 1, of length 3: the version of Swagger.
    t.strictSame([...body.subarray(0, 5)], [0x0a, 3, ...Buffer.from('2.0')]);
  }
});
