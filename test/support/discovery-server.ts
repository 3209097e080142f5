/** The least server that kubectl takes for a cluster: discovery and OpenAPI, and 404 for everything else. */
import { createServer } from 'node:http';
import type { Server, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { OpenApiPublisher, PublishedDocument } from '../../api/openapi/publisher.js';
import { resourceDefinitions } from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';

export interface DiscoveryServer {
  readonly url: string;
  /** Method and path of every request so far. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

export async function startDiscoveryServer(openApi: OpenApiPublisher): Promise<DiscoveryServer> {
  const requests: string[] = [];
  const server: Server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    requests.push(`${request.method ?? ''} ${path}`);
    answer(path, request.headers.accept, openApi).then(
      (document) => {
        send(response, document);
      },
      (error: unknown) => {
        response.writeHead(500).end(String(error));
      },
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

type Answer = PublishedDocument | object | undefined;

function send(response: ServerResponse, document: Answer): void {
  if (document !== undefined && 'body' in document && 'contentType' in document) {
    response.setHeader('content-type', document.contentType);
    response.end(document.body);
    return;
  }
  response.setHeader('content-type', 'application/json');
  if (document === undefined) response.statusCode = 404;
  const missing = { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404 };
  response.end(JSON.stringify(document ?? missing));
}

async function answer(path: string, accept: string | undefined, openApi: OpenApiPublisher): Promise<Answer> {
  if (path === '/openapi/v2') return await openApi.v2(accept);
  if (path === '/openapi/v3') return await openApi.v3Index();
  if (path.startsWith('/openapi/v3/')) return await openApi.v3(path.slice('/openapi/v3/'.length));
  if (path === '/version') return { major: '1', minor: '35', gitVersion: 'v1.35.0' };
  if (path === '/api') return { kind: 'APIVersions', apiVersion: 'v1', versions: ['v1'] };
  if (path === '/apis') return groupList();
  return resourceList(path.replace(/^\/apis?\//, ''));
}

function groupVersionOf({ group, version }: ResourceDefinition): string {
  return group === '' ? version : `${group}/${version}`;
}

function groupList(): object {
  const named = new Set(resourceDefinitions.map(groupVersionOf).filter((one) => one.includes('/')));
  const groups = [...named].map((groupVersion) => {
    const [name, version] = groupVersion.split('/');
    return { name, versions: [{ groupVersion, version }], preferredVersion: { groupVersion, version } };
  });
  return { kind: 'APIGroupList', apiVersion: 'v1', groups };
}

function resourceList(groupVersion: string): object | undefined {
  const served = resourceDefinitions.filter((one) => groupVersionOf(one) === groupVersion);
  if (served.length === 0) return undefined;
  const verbs = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
  const resources = served.map(({ plural, singular, namespaced, kind, shortNames }) => ({
    name: plural,
    singularName: singular,
    namespaced,
    kind,
    shortNames,
    verbs,
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion, resources };
}
