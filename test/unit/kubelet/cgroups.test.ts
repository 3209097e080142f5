/** The adapter over a folder that looks like the kernel's tree, in both versions. */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Pod } from '../../../api/generated/core-v1.js';
import { createCgroupManager } from '../../../kubelet/containers/cgroups.js';

const limits = {
  cpuShares: 1024,
  cpuQuota: 50_000,
  cpuPeriod: 100_000,
  memoryLimitBytes: 4096,
  pidsLimit: 7,
  hugepages: [],
};

function burstable(uid: string): Pod {
  const metadata = { name: uid, namespace: 'd', uid, resourceVersion: '1', creationTimestamp: '' };
  const containers = [{ name: 'a', resources: { requests: { cpu: '1' } } }];
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers }, status: {} };
}

function treeOf(t: Test, version: 1 | 2): string {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-cgroups-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  if (version === 1) for (const name of ['cpu', 'memory', 'pids']) mkdirSync(join(folder, name));
  else becomeCgroup(folder);
  return folder;
}

/** What the kernel puts into each folder of v2. */
function becomeCgroup(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'cgroup.controllers'), 'cpu memory pids rdma\n');
  writeFileSync(join(folder, 'cgroup.subtree_control'), 'cpu\n');
}

function read(...path: string[]): string {
  return readFileSync(join(...path), 'utf8');
}

void t.test('v1: a folder in each hierarchy', async (t) => {
  const folder = treeOf(t, 1);
  const cgroups = createCgroupManager({ mountPoint: folder, root: '/kubepods' });
  t.equal(cgroups.version, 1);
  t.strictSame([cgroups.has('pids'), cgroups.has('hugetlb')], [true, false]);
  const pod = burstable('1');
  const path = '/kubepods/burstable/pod1';
  t.equal(cgroups.pathOf(pod), path);
  await cgroups.ensure(pod, { ...limits, hugepages: [{ sizeBytes: 2 ** 21, limitBytes: 0 }] });
  t.equal(read(folder, 'cpu', path, 'cpu.cfs_quota_us'), '50000');
  t.equal(read(folder, 'memory', path, 'memory.limit_in_bytes'), '4096');
  t.equal(read(folder, 'pids', path, 'pids.max'), '7');
  t.strictSame(await cgroups.limits(pod), { cpuQuota: 50_000, memoryLimitBytes: 4096 });
  await cgroups.ensure(pod, { ...limits, cpuQuota: 0, memoryLimitBytes: 0 });
  t.strictSame(await cgroups.limits(pod), { cpuQuota: 0, memoryLimitBytes: 0 });
  writeFileSync(join(folder, 'memory', path, 'memory.limit_in_bytes'), '9223372036854771712\n');
  t.strictSame(await cgroups.limits(pod), { cpuQuota: 0, memoryLimitBytes: 0 }, 'as the kernel shows none');
  t.equal(await cgroups.limits(burstable('none')), undefined);
  t.equal(read(folder, 'cpu', path, 'cpu.cfs_quota_us'), '-1', 'a limit can be taken away again');
  await cgroups.setQosShares({ burstable: 500, besteffort: 2 });
  t.equal(read(folder, 'cpu', 'kubepods/burstable/cpu.shares'), '500');
  t.strictSame(await cgroups.list(), ['1']);
  t.equal(await cgroups.usage(burstable('none')), undefined);
  writeFileSync(join(folder, 'memory', path, 'memory.usage_in_bytes'), '1000\n');
  writeFileSync(join(folder, 'memory', path, 'memory.stat'), 'total_inactive_file 400\n');
  writeFileSync(join(folder, 'pids', path, 'pids.current'), '3\n');
  t.strictSame(await cgroups.usage(pod), { usageBytes: 1000, workingSetBytes: 600, processes: 3 });
  const foreign = [{ controller: 'cpu', name: 'cpu.shares', value: '5' }];
  await t.rejects(cgroups.limitForeign('/system', foreign), { code: 'ENOENT' });
});

void t.test('v2: one folder, with the controllers handed down', async (t) => {
  const folder = treeOf(t, 2);
  const path = 'kubepods/burstable/pod1';
  for (const at of ['kubepods', 'kubepods/burstable', path]) becomeCgroup(join(folder, at));
  const cgroups = createCgroupManager({ mountPoint: folder, root: '/kubepods' });
  t.equal(cgroups.version, 2);
  await cgroups.ensure(burstable('1'), limits);
  for (const at of ['', 'kubepods', 'kubepods/burstable', path])
    t.equal(read(folder, at, 'cgroup.subtree_control'), '+memory +pids', at);
  t.equal(read(folder, path, 'cpu.max'), '50000 100000');
  t.equal(read(folder, path, 'memory.max'), '4096');
  t.equal(read(folder, path, 'pids.max'), '7');
  t.strictSame(await cgroups.limits(burstable('1')), { cpuQuota: 50_000, memoryLimitBytes: 4096 });
  await cgroups.ensureRoot({ ...limits, pidsLimit: 0 });
  t.equal(read(folder, 'kubepods', 'pids.max'), 'max');
  t.strictSame(await cgroups.list(), ['1']);
});

void t.test('what the runtime made in a hierarchy that no limit is in goes, too', async (t) => {
  const folder = treeOf(t, 1);
  const made = join(folder, 'unified', 'kubepods', 'besteffort', 'pod1');
  mkdirSync(join(made, 'container'), { recursive: true });
  const cgroups = createCgroupManager({ mountPoint: folder });
  t.strictSame(await cgroups.list(), ['1']);
  await cgroups.remove('1');
  t.notOk(existsSync(made));
});

void t.test('a cgroup is removed from its leaves up, in every class, twice', async (t) => {
  const folder = treeOf(t, 1);
  const cgroups = createCgroupManager({ mountPoint: folder, root: '/kubepods' });
  for (const qos of ['', 'burstable', 'besteffort'])
    mkdirSync(join(folder, 'cpu/kubepods', qos, 'pod1/container'), { recursive: true });
  mkdirSync(join(folder, 'memory/kubepods/pod2'), { recursive: true });
  t.strictSame([...(await cgroups.list())].sort(), ['1', '2']);
  await cgroups.remove('1');
  await cgroups.remove('1');
  t.strictSame(readdirSync(join(folder, 'cpu/kubepods')).sort(), ['besteffort', 'burstable']);
  t.ok(existsSync(join(folder, 'memory/kubepods/pod2')));
});

void t.test('a process that was left in the cgroup of a pod is killed', async (t) => {
  const folder = treeOf(t, 1);
  const cgroups = createCgroupManager({ mountPoint: folder, root: '/kubepods' });
  const container = join(folder, 'cpu/kubepods/pod1/container');
  mkdirSync(container, { recursive: true });
  const left = spawn('sleep', ['1000']);
  const ended = once(left, 'exit');
  writeFileSync(join(container, 'cgroup.procs'), `${left.pid ?? 0}\n`);
  await t.rejects(cgroups.remove('1'), { code: 'ENOTEMPTY' }, 'it is there until the process has gone');
  t.strictSame(await ended, [null, 'SIGKILL']);
  rmSync(join(container, 'cgroup.procs'));
  await cgroups.remove('1');
  t.notOk(existsSync(join(folder, 'cpu/kubepods/pod1')));
});
