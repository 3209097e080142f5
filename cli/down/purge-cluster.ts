/**
 * Removes what a cluster leaves behind once its processes have ended: network, mounts, cgroups, files, kubeconfig
 * context; then looks whether anything is left. Removes only names that Knarr makes itself.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, rmdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { sleep, systemClock } from '../../common/clock.js';
import type { Person } from '../host/person.js';
import { removeFromFile } from '../kubeconfig/merge-kubeconfig.js';
import { contextName } from '../layout.js';
import type { Layout } from '../layout.js';
import { findProgram } from '../checks/packages.js';
import { runCommand, tryCommand } from '../../common/run-command.js';
import { findOwnShims } from './own-shims.js';
import { findPodCgroups, removeCgroup } from './pod-cgroups.js';

const settleMs = 3000;

export interface PurgeOptions {
  readonly layout: Layout;
  readonly person: Person;
  readonly nodePath: string;
  readonly buildDir: string;
  readonly say: (line: string) => void;
}

/** Idempotent. Returns what is left, as sentences. The processes must have been stopped. */
export async function purgeCluster(options: PurgeOptions): Promise<string[]> {
  const { layout, person, say } = options;
  const problems: string[] = [];
  /** One step that fails must not keep the next ones from cleaning up. */
  const step = async (what: string, work: () => Promise<string | undefined>): Promise<void> => {
    try {
      const done = await work();
      if (done !== undefined) say(done);
    } catch (error) {
      problems.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  await step('mounts', () => removeMounts(layout));
  await step('network', () => removeNetwork(options));
  await step('cgroups', async () => {
    const groups = findPodCgroups();
    for (const group of groups) await removeCgroup(group);
    return groups.length === 0 ? undefined : `removed ${String(groups.length)} cgroups`;
  });
  await step('files', () => removeFiles(layout));
  await step('kubeconfig', async () => {
    const { kubeconfig } = layout.settings;
    const found = await removeFromFile(kubeconfig, contextName, person);
    return found ? `removed the context ${contextName} from ${kubeconfig}` : undefined;
  });
  return [...problems, ...(await waitForNoLeftovers(layout))];
}

/** The kernel takes devices and namespaces down behind the scenes: it gets a moment. */
async function waitForNoLeftovers(layout: Layout): Promise<string[]> {
  const deadline = systemClock.monotonicMs() + settleMs;
  for (;;) {
    const left = await findLeftovers(layout);
    if (left.length === 0 || systemClock.monotonicMs() > deadline) return left;
    await sleep(systemClock, 100);
  }
}

/** Devices with their routes, and rules. Says what it removed. */
export async function removeNetwork(
  options: Pick<PurgeOptions, 'layout' | 'nodePath' | 'buildDir'>,
): Promise<string | undefined> {
  const done = [await removeDevices(options.layout.settings.bridge), await removeRules(options)];
  const said = done.filter((line) => line !== undefined);
  return said.length === 0 ? undefined : said.join(', ');
}

async function removeRules({
  nodePath,
  buildDir,
  layout,
}: Parameters<typeof removeNetwork>[0]): Promise<string | undefined> {
  if (findProgram('nft') === undefined) return undefined;
  const before = await ownTables();
  await runCommand(nodePath, [
    join(buildDir, 'proxy', 'main.js'),
    '--cleanup',
    `--bridge=${layout.settings.bridge}`,
    '--log-level=warn',
  ]);
  return before.length === 0 ? undefined : `removed the table ${before.join(', ')}`;
}

/** Tables whose name begins with Knarr's: `ip knarr-proxy`. */
async function ownTables(): Promise<string[]> {
  if (findProgram('nft') === undefined) return [];
  return (await runCommand('nft', ['list', 'tables']))
    .split('\n')
    .map((line) => line.replace(/^table /, ''))
    .filter((table) => (table.split(' ')[1] ?? '').startsWith('knarr'));
}

/** The bridge and what is plugged into it. */
async function ownDevices(bridge: string): Promise<string[]> {
  const links = JSON.parse(await runCommand('ip', ['-json', 'link', 'show'])) as {
    ifname: string;
    master?: string;
  }[];
  const plugged = links.filter((link) => link.master === bridge);
  return [...plugged, ...links.filter((link) => link.ifname === bridge)].map((link) => link.ifname);
}

async function removeDevices(bridge: string): Promise<string | undefined> {
  const devices = await ownDevices(bridge);
  for (const device of devices) {
    const { exitCode, stderr } = await tryCommand('ip', ['link', 'delete', device]);
    // The other end of a veth may have taken it along.
    if (exitCode !== 0 && (await ownDevices(bridge)).includes(device)) throw new Error(stderr.trim());
  }
  return devices.length === 0 ? undefined : `removed the network devices ${devices.join(', ')}`;
}

/** Mount points below these folders, the innermost first. `mounts` is the text of /proc/self/mounts. Pure. */
export function mountsBelow(mounts: string, folders: readonly string[]): string[] {
  return mounts
    .split('\n')
    .map((line) => line.split(' ')[1] ?? '')
    .map((path) => path.replace(/\\(\d{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))))
    .filter((path) => folders.some((folder) => path.startsWith(`${folder}/`)))
    .reverse();
}

function ownMounts(layout: Layout): string[] {
  return mountsBelow(readFileSync('/proc/self/mounts', 'utf8'), [layout.run.root, layout.data.root]);
}

async function removeMounts(layout: Layout): Promise<string | undefined> {
  const mounts = ownMounts(layout);
  for (const mount of mounts) await runCommand('umount', ['--lazy', mount]);
  return mounts.length === 0 ? undefined : `unmounted ${String(mounts.length)} file systems`;
}

/** Only what Knarr puts there: a folder that somebody chose may hold other things as well, and then stays. */
async function removeFiles(layout: Layout): Promise<string | undefined> {
  const { data, run, logs } = layout;
  const removed: string[] = [];
  for (const root of [data.root, run.root, logs.root]) {
    if (!existsSync(root)) continue;
    for (const entry of await ownEntries(layout, root)) {
      await rm(join(root, entry), { recursive: true, force: true });
    }
    if (await removeIfEmpty(root)) removed.push(root);
  }
  // containerd keeps the sockets of its shims in a folder that cannot be chosen; others may use it, too.
  for (const folder of ['/run/containerd/s', '/run/containerd/fifo', '/run/containerd']) {
    if (existsSync(folder)) await removeIfEmpty(folder);
  }
  return removed.length === 0 ? undefined : `removed ${removed.join(', ')}`;
}

async function ownEntries(layout: Layout, root: string): Promise<string[]> {
  const { data, run, logs } = layout;
  if (root === logs.root) {
    return (await readdir(root)).filter((name) => name === 'pods' || /^[a-z-]+\.log(\.\d+)?$/.test(name));
  }
  const paths: readonly string[] = [...Object.values(data), ...Object.values(run)];
  const own = paths
    .filter((path) => path !== root && path.startsWith(`${root}/`))
    .map((path) => path.slice(root.length + 1).split('/')[0] ?? '');
  return [...new Set(own), `${basename(run.containerdSocket)}.ttrpc`];
}

async function removeIfEmpty(folder: string): Promise<boolean> {
  try {
    await rmdir(folder);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTEMPTY') return false;
    throw error;
  }
}

/** Everything of Knarr's that can still be found on the machine, as sentences. */
async function findLeftovers(layout: Layout): Promise<string[]> {
  const { data, run, logs, settings } = layout;
  const left = [
    ...findOwnShims(run.containerdSocket).map(({ pid }) => `process ${String(pid)} of a container`),
    ...(await ownDevices(settings.bridge)).map((device) => `network device ${device}`),
    ...(await ownTables()).map((table) => `nftables table ${table}`),
    ...ownMounts(layout).map((mount) => `mount ${mount}`),
    ...findPodCgroups().map((group) => `cgroup ${group}`),
  ];
  for (const root of [data.root, run.root, logs.root]) {
    if (!existsSync(root)) continue;
    const entries = (await ownEntries(layout, root)).filter((entry) => existsSync(join(root, entry)));
    left.push(...entries.map((entry) => `file ${join(root, entry)}`));
  }
  return left.map((what) => `${what} is still there`);
}
