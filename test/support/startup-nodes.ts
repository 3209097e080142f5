/** Nodes of an API server whose kubelets are played: each answers `GET /startup` with what the test gives it. */
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { encodeStartupReport } from '../../api/startup-report.js';
import type { StartupReport } from '../../api/startup-report.js';
import type { ApiServerFixture } from './apiserver-fixture.js';

export interface PlayedKubelet {
  /** What was asked: paths with queries. */
  readonly asked: readonly string[];
  stop(): void;
}

/** `answer` undefined: a kubelet that does not know the path. */
export async function playKubelet(
  { pki, request }: ApiServerFixture,
  node: string,
  answer: (() => StartupReport) | undefined,
): Promise<PlayedKubelet> {
  const pair = pki.pair('kubelet-server');
  const asked: string[] = [];
  const server = createServer({ cert: pair.certificate, key: pair.privateKey }, (message, response) => {
    asked.push(message.url ?? '');
    if (answer === undefined) response.writeHead(404).end('404 page not found');
    else {
      const report = answer();
      const withHistory = message.url?.includes('history=true') === true;
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(encodeStartupReport(withHistory ? report : { ...report, history: [] })));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await request('POST', '/api/v1/nodes', { metadata: { name: node } });
  await request('PUT', `/api/v1/nodes/${node}/status`, {
    metadata: { name: node },
    status: {
      addresses: [{ type: 'InternalIP', address: '127.0.0.1' }],
      daemonEndpoints: { kubeletEndpoint: { Port: port } },
    },
  });
  return {
    asked,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
