/** All checks of a machine, in the order in which a person mends them. */
import { existsSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Settings } from '../layout.js';
import { findRangeCollisions, readAddresses, readRoutes } from '../host/routes.js';
import { runCommand } from '../../common/run-command.js';
import { checkCgroups, readCgroupFacts } from './cgroups.js';
import { fail, ok, warn } from './check.js';
import type { CheckResult } from './check.js';
import { checkEtcd } from './etcd.js';
import type { EtcdCheckContext } from './etcd.js';
import { checkKernel } from './kernel.js';
import { findProgram, missingPackages } from './packages.js';
import { checkPorts } from './ports.js';

const mebibyte = 1024 * 1024;
const neededDisk = { fail: 500 * mebibyte, warn: 2048 * mebibyte } as const;

export interface MachineContext extends EtcdCheckContext {
  readonly isRoot: boolean;
  readonly nodeVersion: string;
  /** Whether a process is one of this cluster, and so may hold its ports. */
  readonly isOwn: (pid: number) => boolean;
}

/** Runs every check that can be run on the machine as it is. Changes nothing. */
export async function checkMachine(context: MachineContext): Promise<CheckResult[]> {
  const { settings } = context;
  const missing = missingPackages();
  const results: CheckResult[] = [
    checkNode(context.nodeVersion),
    checkRoot(context.isRoot),
    checkPackages(missing),
    checkCgroups(readCgroupFacts()),
    ...(await checkPorts(settings, context.isOwn)),
    ...checkRanges(settings),
    await checkDisk(settings.dataDir),
    ...checkHostFiles(),
    ...(await checkEtcd(context)),
  ];
  // The kernel is tried with these tools; before they are installed there is nothing to try it with.
  const canTry = context.isRoot && !missing.includes('iproute2') && !missing.includes('nftables');
  if (canTry) results.push(...(await checkKernel(settings.dataDir)));
  return results;
}

/** Versions of what runs the containers; for `knarr doctor` alone, since it starts both programs. */
export async function checkRuntimeVersions(): Promise<CheckResult[]> {
  if (missingPackages().includes('containerd')) return [];
  const [containerd, runc] = await Promise.all([
    runCommand('containerd', ['--version']),
    runCommand('runc', ['--version']),
  ]);
  return [
    ok('containerd', containerd.trim().split(' ').slice(2, 3).join('')),
    ok('runc', runc.split('\n')[0]?.replace('runc version ', '') ?? ''),
  ];
}

/** containerd copies both into each pod sandbox, and makes none where one is missing. Small images lack them. */
export function checkHostFiles(files: readonly string[] = ['/etc/hosts', '/etc/resolv.conf']): CheckResult[] {
  return files
    .filter((file) => !existsSync(file))
    .map((file) =>
      fail('host files', `${file} is missing, and every pod starts from a copy of it`, `create ${file}`),
    );
}

function checkNode(version: string): CheckResult {
  const major = Number(/^v?(\d+)/.exec(version)?.[1]);
  return major >= 20
    ? ok('node', version)
    : fail('node', `${version} is too old`, 'install Node.js 20 or newer');
}

function checkRoot(isRoot: boolean): CheckResult {
  return isRoot
    ? ok('root', 'running as root')
    : fail('root', 'containers and networks need root', 'run it again with sudo');
}

function checkPackages(missing: readonly string[]): CheckResult {
  if (missing.length === 0) return ok('packages', 'all programs are installed');
  return findProgram('apt-get') === undefined
    ? fail(
        'packages',
        `${missing.join(', ')} missing, and there is no apt-get`,
        'install them with the package manager of this system',
      )
    : warn('packages', `${missing.join(', ')} not installed yet`, 'knarr up installs them with apt-get');
}

function checkRanges(settings: Settings): CheckResult[] {
  const ranges = [settings.clusterCidr, settings.serviceClusterIpRange];
  const collisions = findRangeCollisions(
    ranges,
    readRoutes(),
    readAddresses(),
    (device) => device === settings.bridge,
  );
  if (collisions.length === 0) return [ok('addresses', `${ranges.join(' and ')} are free`)];
  return collisions.map((collision) => {
    const flag = collision.range === settings.clusterCidr ? '--cluster-cidr' : '--service-cluster-ip-range';
    return collision.fatal
      ? fail(
          'addresses',
          `the range ${collision.range} collides with the ${collision.with}`,
          `choose another range with ${flag}`,
        )
      : warn(
          'addresses',
          `the ${collision.with} covers ${collision.range}: what lies there is hidden while Knarr runs`,
          `choose another range with ${flag}`,
        );
  });
}

async function checkDisk(dataDir: string): Promise<CheckResult> {
  let folder = dataDir;
  while (!existsSync(folder)) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const text = `${(free / mebibyte / 1024).toFixed(1)} GiB free in ${folder}`;
  const remedy = 'make room, or choose another disk with --data-dir';
  if (free < neededDisk.fail) return fail('disk', text, remedy);
  return free < neededDisk.warn ? warn('disk', text, remedy) : ok('disk', text);
}
