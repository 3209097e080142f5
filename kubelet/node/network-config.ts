/** The CNI configuration that the runtime reads: Knarr's own bridge with the addresses of this node. */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface NetworkConfigOptions {
  readonly confDir: string;
  /** Where the addresses that are in use are kept. */
  readonly dataDir: string;
  readonly bridge: string;
}

const fileName = '10-knarr.conflist';

/** Pure: the text of the configuration. */
export function networkConfig(podCidr: string, { dataDir, bridge }: NetworkConfigOptions): string {
  const ipam = { type: 'host-local', subnet: podCidr, dataDir };
  const config = {
    cniVersion: '1.0.0',
    name: 'knarr',
    plugins: [{ type: 'bridge', bridge, isGateway: true, ipam }],
  };
  return `${JSON.stringify(config, null, 2)}\n`;
}

/** Writes the file if it is not as it should be; the runtime never sees half of it. True when it was written. */
export async function writeNetworkConfig(podCidr: string, options: NetworkConfigOptions): Promise<boolean> {
  const path = join(options.confDir, fileName);
  const wanted = networkConfig(podCidr, options);
  if ((await readFile(path, 'utf8').catch(whenMissing)) === wanted) return false;
  await mkdir(options.confDir, { recursive: true });
  const temporary = join(options.confDir, `.${fileName}.tmp`);
  await writeFile(temporary, wanted, { mode: 0o644 });
  await rename(temporary, path);
  return true;
}

function whenMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
