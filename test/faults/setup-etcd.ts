/** Two API servers on an etcd of three members, each of them with proxies of its own to all three. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSigningKey } from '../../common/signing-key.js';
import { startEtcdCluster } from '../support/etcd.js';
import { freePorts } from '../support/free-ports.js';
import { testPki } from '../support/pki.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { etcdFaults } from './etcd-faults.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';
import { ServerProcess } from './server-process.js';
import { identityFor } from './setup.js';
import type { Setup } from './setup.js';

const serverCount = 2;

export async function startEtcdSetup(): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-faults-'));
  const pki = await testPki(join(folder, 'pki'));
  await ensureSigningKey(pki.folder, 'sa');
  const cluster = await startEtcdCluster();
  const ports = await freePorts(serverCount);
  const sides = await Promise.all(
    ports.map(async (port, index) => {
      const toEtcd = await Promise.all(cluster.endpoints.map((endpoint) => TcpProxy.start(endpoint)));
      const storage = {
        '--storage-backend': 'etcd',
        '--etcd-servers': toEtcd.map(({ endpoint }) => endpoint).join(','),
      };
      const logFile = join(folder, `apiserver-${index}.log`);
      const server = new ServerProcess({ pki, port, storage, logFile });
      return { server, toEtcd, toClients: await TcpProxy.start(server.url) };
    }),
  );
  for (const { server } of sides) server.start();
  return {
    name: 'etcd',
    servers: sides.map(({ toClients }) => identityFor(pki, toClients)),
    faults: [
      ...networkFaults(
        'client',
        sides.map(({ toClients }) => toClients),
      ),
      // One server is cut off, or both.
      ...networkFaults('store', sides[0]?.toEtcd ?? []),
      ...networkFaults(
        'stores',
        sides.flatMap(({ toEtcd }) => toEtcd),
      ),
      ...etcdFaults(cluster),
      ...processFaults(sides.map(({ server }) => server)),
    ],
    missing: [],
    ends: () => sides.reduce((sum, { server }) => sum + server.ends, 0),
    logFolder: folder,
    stop: async () => {
      await Promise.all(sides.map(({ server }) => server.stop()));
      await Promise.all(
        sides.flatMap(({ toEtcd, toClients }) => [...toEtcd, toClients].map((one) => one.stop())),
      );
      await cluster.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
