/** One API server whose store is its own: the embedded one on a disk of its own, or the twin in memory. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureSigningKey } from '../../common/signing-key.js';
import { freePort } from '../support/free-ports.js';
import { testPki } from '../support/pki.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { fullDiskFaults, slowDiskFault } from './disk-faults.js';
import type { Fault } from './fault.js';
import { networkFaults } from './network-faults.js';
import { processFaults } from './process-faults.js';
import { ServerProcess } from './server-process.js';
import type { Setup, SetupOptions } from './setup.js';
import { identityFor } from './setup.js';
import { makeSmallDisk, missingForSmallDisk, missingForThrottle } from './small-disk.js';
import type { SmallDisk } from './small-disk.js';

const diskMegabytes = 128;

export async function startEmbeddedSetup(options: SetupOptions): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-faults-'));
  const noDisk = missingForSmallDisk();
  const noThrottle = missingForThrottle();
  const throttled = options.wants('slow-disk') && noThrottle === undefined;
  try {
    const disk =
      noDisk === undefined ? await makeSmallDisk(join(folder, 'disk'), diskMegabytes, throttled) : undefined;
    const missing = [
      ...(noDisk === undefined ? [] : [`disk-full, kill-on-full-disk: ${noDisk}`]),
      ...(throttled || !options.wants('slow-disk') ? [] : [`slow-disk: ${noThrottle ?? ''}`]),
    ];
    const storage = {
      '--storage-backend': 'embedded',
      '--data-dir': join(disk?.path ?? folder, 'data'),
    };
    return await startSetup({ name: 'embedded', folder, storage, disk, throttled, missing });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Nothing outlives its process: only the network can be hurt. */
export async function startMemorySetup(): Promise<Setup> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-faults-'));
  const storage = { '--storage-backend': 'memory' };
  return startSetup({ name: 'memory', folder, storage, disk: undefined, throttled: false, missing: [] });
}

async function startSetup(options: {
  readonly name: string;
  readonly folder: string;
  readonly storage: Readonly<Record<string, string>>;
  readonly disk: SmallDisk | undefined;
  readonly throttled: boolean;
  readonly missing: readonly string[];
}): Promise<Setup> {
  const { name, folder, storage, disk, throttled, missing } = options;
  const pki = await testPki(join(folder, 'pki'));
  await ensureSigningKey(pki.folder, 'sa');
  const logFile = join(folder, 'apiserver.log');
  const server = new ServerProcess({ pki, port: await freePort(), storage, logFile });
  const proxy = await TcpProxy.start(server.url);
  server.start();
  return {
    name,
    servers: [identityFor(pki, proxy)],
    faults: [
      ...networkFaults('client', [proxy]),
      ...(disk === undefined ? [] : fullDiskFaults(disk, server)),
      ...(disk === undefined || !throttled ? [] : [slowDiskFault(disk)]),
      ...faultsOfProcess(name, server),
    ],
    missing,
    ends: () => server.ends,
    logFolder: folder,
    stop: async () => {
      await server.stop();
      await proxy.stop();
      await disk?.remove();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function faultsOfProcess(name: string, server: ServerProcess): readonly Fault[] {
  const faults = processFaults([server]);
  return name === 'memory' ? faults.filter((fault) => fault.name === 'freeze-apiserver') : faults;
}
