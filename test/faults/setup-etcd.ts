/** Two API servers on an etcd of three members, each of them with proxies of its own to all three. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSigningKey } from '../../common/signing-key.js';
import type { EtcdCluster } from '../support/etcd.js';
import { startEtcdCluster } from '../support/etcd.js';
import { freePorts } from '../support/free-ports.js';
import { testPki } from '../support/pki.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { fullMemberDiskFault, slowDiskFault } from './disk-faults.js';
import { etcdFaults } from './etcd-faults.js';
import type { Fault } from './fault.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';
import { ServerProcess } from './server-process.js';
import { identityFor } from './setup.js';
import type { Setup, SetupOptions } from './setup.js';
import { makeSmallDisk, missingForSmallDisk, missingForThrottle } from './small-disk.js';
import type { SmallDisk } from './small-disk.js';

const serverCount = 2;
/** etcd lays out two segments of its log before it uses them; little room is left beside them. */
const memberDiskMegabytes = 256;
/** Snapshots that come often let the member write new files while its disk is full. */
const etcdFlags = ['--snapshot-count=500'];

/** The first member has a disk of its own, where the machine can make one. */
export async function startEtcdSetup(options: SetupOptions): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-faults-'));
  const noDisk = missingForSmallDisk();
  const noThrottle = missingForThrottle();
  const wantsSlow = options.wants('member-slow-disk');
  const throttled = wantsSlow && noThrottle === undefined;
  const wantsDisk = wantsSlow || options.wants('member-disk-full');
  const disk =
    wantsDisk && noDisk === undefined
      ? await makeSmallDisk(join(folder, 'disk'), memberDiskMegabytes, throttled)
      : undefined;
  const pki = await testPki(join(folder, 'pki'));
  await ensureSigningKey(pki.folder, 'sa');
  const dataFolders = disk === undefined ? [] : [join(disk.path, 'etcd')];
  const cluster = await startEtcdCluster({ dataFolders, flags: etcdFlags });
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
      ...diskFaults(disk, cluster, throttled),
      ...processFaults(sides.map(({ server }) => server)),
    ],
    missing: [
      ...(noDisk === undefined || !wantsDisk ? [] : [`member-disk-full: ${noDisk}`]),
      ...(throttled || !wantsSlow ? [] : [`member-slow-disk: ${noThrottle ?? ''}`]),
    ],
    ends: () => sides.reduce((sum, { server }) => sum + server.ends, 0),
    logFolder: folder,
    stop: async () => {
      await Promise.all(sides.map(({ server }) => server.stop()));
      await Promise.all(
        sides.flatMap(({ toEtcd, toClients }) => [...toEtcd, toClients].map((one) => one.stop())),
      );
      await cluster.stop();
      await disk?.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function diskFaults(disk: SmallDisk | undefined, cluster: EtcdCluster, throttled: boolean): readonly Fault[] {
  const [member] = cluster.members;
  if (disk === undefined || member === undefined) return [];
  return [fullMemberDiskFault(disk, member), ...(throttled ? [slowDiskFault(disk, 'member-slow-disk')] : [])];
}
