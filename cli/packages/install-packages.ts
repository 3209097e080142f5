/** Installs Debian packages, and sees to it that none of them starts a service of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { UsageError } from '../../common/usage-error.js';
import { findProgram } from '../checks/packages.js';

const policyFile = '/usr/sbin/policy-rc.d';
/** Where a policy that was there before waits meanwhile. */
const policyAside = '/usr/sbin/policy-rc.d.before-knarr';

/**
 * Runs apt-get for these packages; its output goes to `onOutput` as it comes. Throws UsageError when there is no
 * apt-get or it fails, with its last words.
 */
export async function installPackages(
  packages: readonly string[],
  onOutput: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  if (findProgram('apt-get') === undefined) {
    throw new UsageError(
      `there is no apt-get: install ${packages.join(', ')} with this system's package manager`,
    );
  }
  if (!hasPackageLists()) await aptGet(['update'], onOutput, signal);
  const install = ['install', '--yes', '--no-install-recommends', ...packages];
  await withoutServiceStarts(async () => {
    try {
      await aptGet(install, onOutput, signal);
    } catch (error) {
      if (signal.aborted || !(error instanceof UsageError)) throw error;
      // The lists may name versions that the mirror no longer has.
      onOutput('trying again with fresh package lists');
      await aptGet(['update'], onOutput, signal);
      await aptGet(install, onOutput, signal);
    }
  });
}

function hasPackageLists(): boolean {
  const folder = '/var/lib/apt/lists';
  return (
    existsSync(folder) &&
    readdirSync(folder).some((file) => file.endsWith('_Packages') || file.includes('_Packages.'))
  );
}

async function aptGet(
  args: readonly string[],
  onOutput: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn('apt-get', ['-o', 'Dpkg::Use-Pty=0', '-o', 'DPkg::Lock::Timeout=120', ...args], {
    env: {
      PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      DEBIAN_FRONTEND: 'noninteractive',
      LC_ALL: 'C.UTF-8',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  let errors = '';
  const lines = (chunk: string): void => {
    for (const line of chunk.split('\n')) if (line.trim() !== '') onOutput(line.trimEnd());
  };
  child.stdout.setEncoding('utf8').on('data', lines);
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    errors += chunk;
    lines(chunk);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code === 0) return;
  const why = errors.split('\n').find((line) => line.startsWith('E:')) ?? `exit code ${String(code)}`;
  throw new UsageError(`apt-get ${args[0] ?? ''} failed: ${why}`);
}

/** While `work` runs, Debian's service scripts are told not to start anything; the policy before is restored. */
async function withoutServiceStarts(work: () => Promise<void>): Promise<void> {
  const hadPolicy = existsSync(policyFile);
  if (hadPolicy) await rename(policyFile, policyAside);
  try {
    await writeFile(policyFile, '#!/bin/sh\n# Put here by knarr while it installs packages.\nexit 101\n');
    await chmod(policyFile, 0o755);
    await work();
  } finally {
    if (hadPolicy) await rename(policyAside, policyFile);
    else await rm(policyFile, { force: true });
  }
}
