/**
 * Remembers the settings of a cluster, so that `knarr status` or `knarr down` need no flags and a second `knarr up`
 * finds the same store. A copy in the run folder says what runs now; the one in the data folder outlives a reboot.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { UsageError } from '../common/usage-error.js';
import { etcdFlags, flagName } from './etcd-access.js';
import type { EtcdAccess } from './etcd-access.js';
import { defaultSettings, settingsFile } from './layout.js';
import type { Layout, Settings } from './layout.js';

/** What the command line said; the rest is remembered or default. */
export type SettingsFlags = Partial<Settings>;

const types: Readonly<Record<Exclude<keyof Settings, keyof EtcdAccess>, 'string' | 'number'>> = {
  dataDir: 'string',
  runDir: 'string',
  logDir: 'string',
  store: 'string',
  securePort: 'number',
  kubeletPort: 'number',
  kubeletHealthzPort: 'number',
  schedulerPort: 'number',
  controllerManagerPort: 'number',
  proxyHealthzPort: 'number',
  clusterCidr: 'string',
  serviceClusterIpRange: 'string',
  bridge: 'string',
  nodeName: 'string',
  nodeIp: 'string',
  kubeconfig: 'string',
};

/** The settings in the text of a settings file. Throws UsageError naming what is wrong. Pure. */
export function parseSettings(text: string, file: string): Settings {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${file} is not JSON: remove it, or mend it`, { cause });
  }
  if (typeof value !== 'object' || value === null) throw new UsageError(`${file} holds no settings`);
  for (const [key, type] of Object.entries(types)) {
    const found: unknown = (value as Record<string, unknown>)[key];
    if (typeof found !== type) {
      throw new UsageError(`${file}: ${key} is ${JSON.stringify(found)} and not a ${type}`);
    }
  }
  for (const { key } of etcdFlags) {
    const found: unknown = (value as Record<string, unknown>)[key];
    if (found !== undefined && typeof found !== 'string')
      throw new UsageError(`${file}: ${key} is ${JSON.stringify(found)} and not a string`);
  }
  return value as Settings;
}

export async function readSettings(folder: string): Promise<Settings | undefined> {
  const file = settingsFile(folder);
  try {
    return parseSettings(await readFile(file, 'utf8'), file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export async function writeSettings(layout: Layout): Promise<void> {
  for (const file of [layout.data.settings, layout.run.settings]) {
    await mkdir(dirname(file), { recursive: true });
    await writeFile(`${file}.new`, JSON.stringify(layout.settings, undefined, 2) + '\n');
    await rename(`${file}.new`, file);
  }
}

export interface FoundSettings {
  readonly settings: Settings;
  /** The settings under which a cluster of this run folder was started since the last boot, if any. */
  readonly running: Settings | undefined;
}

/**
 * Flags first, then what was remembered, then defaults. `host` supplies what depends on the machine and is asked
 * only for what nobody has said yet.
 */
export async function findSettings(
  flags: SettingsFlags,
  host: { nodeIp(settings: { clusterCidr: string }): string; kubeconfig(): string },
): Promise<FoundSettings> {
  const running = await readSettings(flags.runDir ?? defaultSettings.runDir);
  const dataDir = flags.dataDir ?? running?.dataDir ?? defaultSettings.dataDir;
  const remembered = running?.dataDir === dataDir ? running : await readSettings(dataDir);
  const store = flags.store ?? remembered?.store ?? defaultSettings.store;
  mustBeForEtcd(flags, store);
  const known = remembered === undefined ? undefined : forStore(remembered, store);
  const base = { ...defaultSettings, ...known, ...flags, dataDir };
  const settings: Settings = {
    ...base,
    nodeName: flags.nodeName ?? remembered?.nodeName ?? hostname().toLowerCase(),
    // The address of a laptop changes from day to day: ask again while nothing runs.
    nodeIp: flags.nodeIp ?? running?.nodeIp ?? host.nodeIp(base),
    kubeconfig: flags.kubeconfig ?? remembered?.kubeconfig ?? host.kubeconfig(),
  };
  return { settings, running };
}

/**
 * What is remembered, without the way to another etcd: certificates and passwords belong to the store that they
 * were given with.
 */
function forStore(remembered: Settings, store: string): Settings {
  if (store === remembered.store) return remembered;
  const others = { ...remembered } as Partial<Record<string, unknown>>;
  for (const { key } of etcdFlags) Reflect.deleteProperty(others, key);
  return others as unknown as Settings;
}

function mustBeForEtcd(flags: SettingsFlags, store: string): void {
  const [given] = etcdFlags.filter(({ key }) => flags[key] !== undefined);
  if (given !== undefined && store === 'embedded')
    throw new UsageError(
      `--${flagName(given.key)} is about etcd, and the store is embedded: add --store etcd=URL[,URL]`,
    );
}

/** Which of the flags ask for something else than what runs. Pure. */
export function conflictingFlags(flags: SettingsFlags, running: Settings): string[] {
  return (Object.keys(flags) as (keyof Settings)[])
    .filter((key) => flags[key] !== undefined && flags[key] !== running[key])
    .map((key) => {
      const value = running[key];
      return value === undefined ? `no --${flagName(key)}` : `--${flagName(key)} ${value}`;
    });
}
