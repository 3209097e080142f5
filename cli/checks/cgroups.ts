/** Which of the three cgroup arrangements this machine has, and whether it has the controllers that pods need. */
import { existsSync, readFileSync } from 'node:fs';
import { fail, ok } from './check.js';
import type { CheckResult } from './check.js';

export interface CgroupFacts {
  /** Text of /proc/mounts. */
  readonly mounts: string;
  /** Text of /proc/cgroups. */
  readonly controllers: string;
  /** Text of /sys/fs/cgroup/cgroup.controllers, where the unified hierarchy is mounted there. */
  readonly unifiedControllers: string | undefined;
}

const needed = ['cpu', 'memory', 'pids', 'cpuset'];

export type CgroupVersion = 'v1' | 'hybrid' | 'v2' | 'none';

/** Pure. */
export function inspectCgroups(facts: CgroupFacts): { version: CgroupVersion; missing: string[] } {
  const mounts = facts.mounts
    .split('\n')
    .map((line) => line.split(' '))
    .map(([, folder = '', type = '', options = '']) => ({ folder, type, options: options.split(',') }));
  if (mounts.some(({ type, folder }) => type === 'cgroup2' && folder === '/sys/fs/cgroup')) {
    const available = (facts.unifiedControllers ?? '').trim().split(/\s+/);
    return { version: 'v2', missing: needed.filter((name) => !available.includes(name)) };
  }
  const first = mounts.filter(({ type }) => type === 'cgroup');
  if (first.length === 0) return { version: 'none', missing: needed };
  const enabled = facts.controllers
    .split('\n')
    .map((line) => line.split('\t'))
    .filter((fields) => fields[3] === '1')
    .map(([name]) => name);
  const missing = needed.filter(
    (name) => !enabled.includes(name) || !first.some(({ options }) => options.includes(name)),
  );
  return { version: mounts.some(({ type }) => type === 'cgroup2') ? 'hybrid' : 'v1', missing };
}

export function readCgroupFacts(): CgroupFacts {
  const unified = '/sys/fs/cgroup/cgroup.controllers';
  return {
    mounts: readFileSync('/proc/mounts', 'utf8'),
    controllers: existsSync('/proc/cgroups') ? readFileSync('/proc/cgroups', 'utf8') : '',
    unifiedControllers: existsSync(unified) ? readFileSync(unified, 'utf8') : undefined,
  };
}

export function checkCgroups(facts: CgroupFacts): CheckResult {
  const { version, missing } = inspectCgroups(facts);
  if (version === 'none') {
    return fail(
      'cgroups',
      'no cgroup file system is mounted at /sys/fs/cgroup',
      'mount -t cgroup2 none /sys/fs/cgroup',
    );
  }
  if (missing.length > 0) {
    return fail(
      'cgroups',
      `${version}, without the controllers ${missing.join(', ')}`,
      'boot the kernel with cgroup_enable=memory, or turn the controllers on in its configuration',
    );
  }
  return ok('cgroups', `${version}, with ${needed.join(', ')}`);
}
