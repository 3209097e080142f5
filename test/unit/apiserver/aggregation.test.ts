/** What is known of servers behind this one: their documents, and where their groups stand in discovery. */
import t from 'tap';
import { arrangeGroups } from '../../../apiserver/aggregation/arrange-groups.js';
import { ServerOpenApi } from '../../../apiserver/aggregation/server-openapi.js';
import type { ServerAnswer } from '../../../apiserver/aggregation/server-openapi.js';
import type { APIService } from '../../../api/generated/apiregistration-v1.js';
import { resourceDefinitions } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';

const root = 'apis/example.com/v1';

/** A server whose documents have this version; what it is asked goes into `asked`. */
class Server {
  readonly asked: string[] = [];
  version = '1';
  hasV3 = true;

  readonly get = (path: string, headers: Readonly<Record<string, string>>): Promise<ServerAnswer> => {
    const tag = headers['if-none-match'];
    this.asked.push(tag === undefined ? path : `${path} ${tag}`);
    const answer = (status: number, value: unknown): Promise<ServerAnswer> =>
      Promise.resolve({ status, etag: `"${this.version}"`, body: Buffer.from(JSON.stringify(value)) });
    if (tag === `"${this.version}"`) return answer(304, '');
    const paths = { [`/${root}/things`]: { get: { operationId: this.version } } };
    if (path === '/openapi/v2') return answer(200, { swagger: '2.0', paths });
    if (!this.hasV3) return answer(404, {});
    const url = `/openapi/v3/${root}?hash=H${this.version}`;
    return answer(
      200,
      path === '/openapi/v3' ? { paths: { [root]: { serverRelativeURL: url } } } : { openapi: '3' },
    );
  };
}

void t.test('documents are sent again only when they have changed', async (t) => {
  const server = new Server();
  const openApi = new ServerOpenApi(root);
  await openApi.refresh(server.get);
  const first = openApi.v2;
  t.match(first?.paths, { [`/${root}/things`]: { get: { operationId: '1' } } });
  t.equal(openApi.v3Hash, 'H1');
  await openApi.refresh(server.get);
  t.equal(openApi.v2, first, 'the very same');
  t.strictSame(server.asked, ['/openapi/v2', '/openapi/v3', '/openapi/v2 "1"', '/openapi/v3 "1"']);
  const document = await openApi.v3(server.get);
  t.equal(document?.etag, '"H1"');
  t.equal(await openApi.v3(server.get), document);
  t.equal(server.asked.at(-1), `/openapi/v3/${root}?hash=H1`);
  server.version = '2';
  await openApi.refresh(server.get);
  t.equal(openApi.v3Hash, 'H2');
  t.match(openApi.v2?.paths, { [`/${root}/things`]: { get: { operationId: '2' } } });
  t.equal((await openApi.v3(server.get))?.etag, '"H2"');
  server.version = '3';
  server.hasV3 = false;
  await openApi.refresh(server.get);
  t.equal(openApi.v3Hash, undefined);
  t.equal(await openApi.v3(server.get), undefined);
  await t.rejects(
    openApi.refresh(() => Promise.resolve({ status: 200, etag: undefined, body: Buffer.from('{}') })),
    SyntaxError,
  );
});

function remote(group: string, version: string): ResourceDefinition {
  return {
    group,
    version,
    kind: 'Thing',
    plural: 'things',
    singular: 'thing',
    shortNames: [],
    categories: [],
    namespaced: false,
    schemaName: `${group}/${version}.Thing`,
    subresources: [],
    verbs: ['get'],
    remote: true,
  };
}

function service(
  group: string,
  version: string,
  groupPriorityMinimum: number,
  versionPriority = 10,
): APIService {
  return {
    metadata: { name: `${version}.${group}` },
    spec: { group, version, groupPriorityMinimum, versionPriority },
  } as APIService;
}

void t.test('groups stand where their priority puts them', async (t) => {
  const local = resourceDefinitions.filter(({ group }) => ['', 'apps', 'batch', 'policy'].includes(group));
  const custom = { ...remote('own.example.com', 'v1'), remote: false, custom: true };
  const arranged = (
    definitions: readonly ResourceDefinition[],
    services: readonly APIService[],
  ): string[] => [
    ...new Set(
      arrangeGroups([...local, custom], definitions, services).map(
        ({ group, version }) => `${group}/${version}`,
      ),
    ),
  ];
  const before = ['/v1', 'apps/v1', 'batch/v1', 'policy/v1', 'own.example.com/v1'];
  t.strictSame(arranged([], []), before);
  t.strictSame(arranged([remote('x', 'v1')], [service('x', 'v1', 17_600)]), [
    '/v1',
    'apps/v1',
    'x/v1',
    ...before.slice(2),
  ]);
  t.strictSame(arranged([remote('x', 'v1')], [service('x', 'v1', 20_000)])[0], 'x/v1');
  t.strictSame(arranged([remote('x', 'v1')], [service('x', 'v1', 1)]).at(-1), 'x/v1');
  const versions = [remote('x', 'v1'), remote('x', 'v2'), remote('y', 'v1')];
  const services = [service('x', 'v1', 500, 5), service('x', 'v2', 100, 20), service('y', 'v1', 600)];
  t.strictSame(
    arranged(versions, services).slice(-3),
    ['y/v1', 'x/v2', 'x/v1'],
    'the greatest of a group counts',
  );
  t.strictSame(
    arranged([remote('own.example.com', 'v2')], [service('own.example.com', 'v2', 100, 200)]).slice(-2),
    ['own.example.com/v2', 'own.example.com/v1'],
    'a version of a group that is here',
  );
});
