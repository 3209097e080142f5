/**
 * Volumes with the kernel's own mounts: modes and owners, sub-paths, disks, mounts that do not let go, and a kubelet that
 * is killed at each step of making and removing a Pod's volumes.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { HostPathType, Pod, PodSecurityContext, VolumeMount } from '../../api/generated/core-v1.js';
import { ManualClock } from '../../common/clock.js';
import { MountedError, removeTree } from '../../common/remove-tree.js';
import { prepareContainerMounts } from '../../kubelet/volumes/container-mounts.js';
import type { ContainerMounts } from '../../kubelet/volumes/container-mounts.js';
import { systemMounter } from '../../kubelet/volumes/mounter.js';
import type { VolumeManager } from '../../kubelet/volumes/volume-manager.js';
import { VolumeStats } from '../../kubelet/volumes/volume-stats.js';
import { claimed, facts, podOf, VolumeRig } from '../contract/volume-plugin.js';
import { runInOwnNamespaces } from '../support/netns.js';

if (runInOwnNamespaces(import.meta.url)) await testVolumes();

async function testVolumes(): Promise<void> {
  const ours = mkdtempSync(join(tmpdir(), 'knarr-volume-sources-'));
  t.teardown(() => {
    rmSync(ours, { recursive: true, force: true });
  });
  await t.test('owners and modes for a group', (t) => testGroups(t, ours));
  await t.test('memory is bounded, in pages or in bytes', testMemory);
  await t.test('memory is mounted by the kernel alone', (t) => testMemoryMounts(t, ours));
  await t.test('types of hostPath', (t) => testHostPaths(t, ours));
  await t.test('what a running pod sees of a changed object', testUpdates);
  await t.test('sub-paths', (t) => testSubPaths(t, ours));
  await t.test('propagation needs shared mounts', (t) => testPropagation(t, ours));
  await t.test('disks: formatted once, mounted once, never formatted again', (t) => testDisks(t, ours));
  await t.test('what is behind a mount is never removed', (t) => testRemoval(t, ours));
  await t.test('how full volumes are', (t) => testStats(t, ours));
  await t.test('one pod at a time, and servers that cannot be reached', (t) => testRefusals(t, ours));
}

function modeOf(path: string): string {
  const { mode, gid } = lstatSync(path);
  return `${(mode & 0o7777).toString(8)} ${String(gid)}`;
}

function withGroup(pod: Pod, securityContext: PodSecurityContext): Pod {
  return { ...pod, spec: { ...pod.spec, securityContext } };
}

async function ready(manager: VolumeManager, pod: Pod): Promise<string> {
  const path = (await manager.setUp(pod, facts)).get('data')?.path;
  if (path === undefined) throw new Error('the volume is not there');
  return path;
}

async function testGroups(t: Test, ours: string): Promise<void> {
  const metadata = { namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const disk = join(ours, 'owned');
  mkdirSync(join(disk, 'sub'), { recursive: true });
  writeFileSync(join(disk, 'sub/file'), 'x', { mode: 0o600 });
  symlinkSync('/etc/hostname', join(disk, 'link'));
  const hostname = modeOf('/etc/hostname');
  const rig = new VolumeRig({
    ...claimed({ local: { path: disk } }),
    configMap: async (_pod, name) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { ...metadata, name },
      data: { a: '1', b: '2' },
    }),
  });
  const manager = rig.manager();
  const scratch = await ready(manager, withGroup(podOf('a', { emptyDir: {} }), { fsGroup: 2000 }));
  t.equal(modeOf(scratch), '2777 2000', 'emptyDir');
  const memory = await ready(
    manager,
    withGroup(podOf('b', { emptyDir: { medium: 'Memory' } }), { fsGroup: 2000 }),
  );
  t.equal(modeOf(memory), '3777 2000', 'memory keeps the sticky bit of a fresh tmpfs');
  const items = [
    { key: 'a', path: 'sub/a', mode: 0o400 },
    { key: 'b', path: 'b' },
  ];
  const settings = podOf('c', { configMap: { name: 's', items, defaultMode: 0o640 } });
  const files = await ready(manager, settings);
  t.equal(modeOf(join(files, '..data/b')), '640 0');
  t.equal(modeOf(join(files, '..data/sub/a')), '400 0');
  const shared = await ready(
    manager,
    withGroup({ ...settings, metadata: { ...settings.metadata, uid: 'd' } }, { fsGroup: 2000 }),
  );
  t.equal(modeOf(join(shared, '..data/sub/a')), '440 2000', 'the group may read');
  t.equal(modeOf(join(shared, '..data/sub')), '2755 2000');
  const claim = podOf('e', { persistentVolumeClaim: { claimName: 'claim' } });
  await ready(manager, withGroup(claim, { fsGroup: 2000 }));
  t.strictSame(
    ['', 'sub', 'sub/file', 'link'].map((path) => modeOf(join(disk, path))),
    ['2775 2000', '2775 2000', '660 2000', '777 2000'],
  );
  t.equal(modeOf('/etc/hostname'), hostname, 'what a link leads to is left alone');
  await manager.tearDown('e');
  chmodSync(join(disk, 'sub/file'), 0o600);
  await ready(manager, withGroup(claim, { fsGroup: 2000, fsGroupChangePolicy: 'OnRootMismatch' }));
  t.equal(modeOf(join(disk, 'sub/file')), '600 2000', 'the top folder fits: nothing is looked at');
  await manager.tearDown('e');
  chownSync(disk, 0, 0);
  await ready(manager, withGroup(claim, { fsGroup: 2000, fsGroupChangePolicy: 'OnRootMismatch' }));
  t.equal(modeOf(join(disk, 'sub/file')), '660 2000');
  for (const uid of ['a', 'b', 'c', 'd', 'e']) await manager.tearDown(uid);
  await rig.remove();
}

async function testMemory(t: Test): Promise<void> {
  const rig = new VolumeRig();
  const manager = rig.manager();
  const small = await ready(manager, podOf('a', { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }));
  t.throws(
    () => {
      writeFileSync(join(small, 'large'), Buffer.alloc(2 * 1024 * 1024));
    },
    { code: 'ENOSPC' },
  );
  rmSync(join(small, 'large'));
  writeFileSync(join(small, 'kept'), 'x');
  chmodSync(small, 0o700);
  t.equal(
    await ready(rig.manager(), podOf('a', { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } })),
    small,
  );
  t.strictSame(
    [readFileSync(join(small, 'kept'), 'utf8'), statSync(small).mode & 0o777],
    ['x', 0o700],
    'left as the pod made it',
  );
  await t.rejects(
    ready(manager, podOf('b', { emptyDir: { medium: 'HugePages' } })),
    /huge pages of one size, not 0/,
  );
  const pages = podOf('c', { emptyDir: { medium: 'HugePages-2Mi' } });
  const limits = { 'hugepages-2Mi': '2Mi' };
  const containers = pages.spec.containers.map((container) => ({ ...container, resources: { limits } }));
  if (existsSync('/sys/kernel/mm/hugepages/hugepages-2048kB')) {
    const path = await ready(manager, { ...pages, spec: { ...pages.spec, containers } });
    const mount = (await systemMounter.mounts()).find((one) => one.path === path);
    t.equal(mount?.type, 'hugetlbfs');
  }
  for (const uid of ['a', 'b', 'c']) await manager.tearDown(uid);
  await rig.remove();
}

async function testMemoryMounts(t: Test, ours: string): Promise<void> {
  const target = join(ours, 'with a blank');
  mkdirSync(target);
  const request = { type: 'tmpfs', source: 'tmpfs', target };
  const seen = async (): Promise<number> =>
    (await systemMounter.mounts()).filter(({ path }) => path === target).length;
  const searchPath = process.env['PATH'];
  // No program is found: what still works needs none.
  process.env['PATH'] = ours;
  try {
    await systemMounter.mount({ ...request, options: ['size=64k'] });
    t.throws(() => {
      writeFileSync(join(target, 'large'), Buffer.alloc(65_537));
    }, /ENOSPC/);
    await systemMounter.mount(request);
    t.equal(await seen(), 2, 'one lies above the other');
    await systemMounter.unmount(target);
    t.equal(await seen(), 0, 'both are gone');
    await systemMounter.unmount(target);
  } finally {
    process.env['PATH'] = searchPath;
  }
  await t.rejects(
    systemMounter.mount({ ...request, options: ['colour=red'] }),
    { name: 'MountError', message: /^mount failed: exit status 32, arguments: -t tmpfs -o colour=red/ },
    'what the kernel refuses is told by mount(8)',
  );
  await systemMounter.mount(request);
  const busy = openSync(join(target, 'open'), 'w');
  await t.rejects(systemMounter.unmount(target), { name: 'MountError', message: /busy/ });
  closeSync(busy);
  await systemMounter.unmount(target);
  t.equal(await seen(), 0);
}

async function testHostPaths(t: Test, ours: string): Promise<void> {
  const folder = join(ours, 'host');
  mkdirSync(folder);
  const at = (name: string): string => join(folder, name);
  writeFileSync(at('file'), '');
  symlinkSync(at('file'), at('link'));
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(at('socket'), resolve));
  const rig = new VolumeRig();
  let count = 0;
  const set = (path: string, type: HostPathType): Promise<string> =>
    ready(rig.manager(), podOf(`p${String(count++)}`, { hostPath: { path, type } }));
  const table: [string, HostPathType, string | undefined][] = [
    [at('none'), '', undefined],
    [at('none'), 'Directory', 'directory'],
    [at('file'), 'Directory', 'directory'],
    [folder, 'Directory', undefined],
    [at('made/deep'), 'DirectoryOrCreate', undefined],
    [at('file'), 'DirectoryOrCreate', 'directory'],
    [at('made-file'), 'FileOrCreate', undefined],
    [at('link'), 'File', undefined],
    [folder, 'File', 'file'],
    [at('socket'), 'Socket', undefined],
    [at('file'), 'Socket', 'socket file'],
    ['/dev/null', 'CharDevice', undefined],
    [at('file'), 'CharDevice', 'character device'],
    ['/dev/null', 'BlockDevice', 'block device'],
  ];
  for (const [path, type, words] of table) {
    const trouble = await set(path, type).then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    const expected =
      words &&
      `MountVolume.SetUp failed for volume "data" : hostPath type check failed: ${path} is not a ${words}`;
    t.equal(trouble, expected, `${type} ${path}`);
  }
  await t.rejects(set(at('absent/file'), 'FileOrCreate'), /no such file or directory/);
  t.ok(statSync(at('made/deep')).isDirectory());
  t.equal(statSync(at('made-file')).size, 0);
  server.close();
  await rig.remove();
}

async function testUpdates(t: Test): Promise<void> {
  const metadata = { name: 's', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  let data: Record<string, string> = { a: '1', gone: 'x' };
  const rig = new VolumeRig({
    configMap: async () => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data }),
  });
  const manager = rig.manager();
  const pod = podOf('a', { configMap: { name: 's' } });
  const path = await ready(manager, pod);
  const before = readlinkSync(join(path, '..data'));
  data = { a: '2', new: 'y' };
  await manager.refresh(pod, facts);
  t.strictSame(
    readdirSync(path)
      .filter((name) => !name.startsWith('..'))
      .sort(),
    ['a', 'new'],
  );
  t.equal(readFileSync(join(path, 'a'), 'utf8'), '2');
  t.not(readlinkSync(join(path, '..data')), before, 'one link was changed');
  mkdirSync(join(path, '..2026_01_01_00_00_00.broken'));
  symlinkSync('..data/old', join(path, 'old'));
  await manager.refresh(pod, facts);
  t.equal(readdirSync(path).length, 4, 'what an interrupted writer left is gone');
  const optional = podOf('b', {
    configMap: { name: 's', optional: true, items: [{ key: 'none', path: 'x' }] },
  });
  t.strictSame(
    readdirSync(await ready(manager, optional)).filter((name) => !name.startsWith('..')),
    [],
  );
  const wanting = podOf('c', { configMap: { name: 's', items: [{ key: 'none', path: 'x' }] } });
  await t.rejects(ready(manager, wanting), /configmap references non-existent config key: none/);
  for (const uid of ['a', 'b', 'c']) await manager.tearDown(uid);
  await rig.remove();
}

async function testSubPaths(t: Test, ours: string): Promise<void> {
  const base = join(ours, 'volume');
  mkdirSync(join(base, 'there/deep'), { recursive: true });
  chmodSync(base, 0o777);
  writeFileSync(join(base, 'there/file'), 'content');
  symlinkSync('there', join(base, 'inside'));
  symlinkSync('/etc', join(base, 'outside'));
  symlinkSync('/etc/none', join(base, 'dangling'));
  const rig = new VolumeRig();
  const pod = podOf('a', { hostPath: { path: base } });
  const mount = async (more: Partial<VolumeMount>, index = 0): Promise<string> => {
    const volumeMounts = Array.from({ length: index + 1 }, () => ({
      name: 'data',
      mountPath: '/x',
      ...more,
    }));
    const made = await mounts(rig, pod, volumeMounts);
    return made.mounts[index]?.hostPath ?? '';
  };
  t.equal(await mount({}), base, 'the volume itself');
  const file = await mount({ subPath: 'inside/file' });
  t.equal(readFileSync(file, 'utf8'), 'content', 'through a link that stays inside');
  t.equal(await mount({ subPath: 'inside/file' }), file);
  t.equal((await rig.mounts()).length, 1, 'it is not mounted twice');
  rmSync(join(base, 'there/file'));
  writeFileSync(join(base, 'there/file'), 'another');
  t.equal(readFileSync(await mount({ subPath: 'there/file' }), 'utf8'), 'another', 'a new file in its place');
  const made = await mount({ subPath: 'new/er' });
  t.ok(statSync(made).isDirectory(), 'the mount point is of another kind now');
  t.equal(statSync(join(base, 'new/er')).mode & 0o777, 0o777, 'with the mode of the volume');
  const trouble = 'for volumeMount "data" of container "main"';
  await t.rejects(
    mount({ subPath: 'outside' }),
    new RegExp(`failed to prepare subPath ${trouble}: .*not within volume path`),
  );
  await t.rejects(
    mount({ subPath: 'outside/knarr-made' }),
    new RegExp(`failed to create subPath directory ${trouble}`),
  );
  await t.rejects(mount({ subPath: 'dangling/x' }), /failed to create subPath directory/);
  t.notOk(existsSync('/etc/knarr-made'), 'nothing was made out there');
  await t.rejects(mount({ subPath: 'there/file/x' }), /failed to create subPath directory/);
  await rig.manager().tearDown('a');
  t.equal(readFileSync(join(base, 'there/file'), 'utf8'), 'another');
  await rig.remove();
}

function mounts(rig: VolumeRig, pod: Pod, volumeMounts: VolumeMount[]): Promise<ContainerMounts> {
  const path = pod.spec.volumes?.[0]?.hostPath?.path ?? '';
  return prepareContainerMounts({
    pod,
    container: { name: 'main', volumeMounts },
    environment: new Map(),
    volumes: new Map([['data', { kind: 'filesystem', path, readOnly: false }]]),
    folders: rig.folders,
    mounter: systemMounter,
    runtime: { runtimeName: 'containerd', runtimeVersion: '1.6.20' },
    canMountRecursiveReadOnly: async () => false,
  });
}

async function testPropagation(t: Test, ours: string): Promise<void> {
  const shared = join(ours, 'shared');
  mkdirSync(shared);
  const rig = new VolumeRig();
  const pod = podOf('a', { hostPath: { path: shared } });
  const ask = (mountPropagation: 'HostToContainer' | 'Bidirectional'): Promise<ContainerMounts> =>
    mounts(rig, pod, [{ name: 'data', mountPath: '/x', mountPropagation }]);
  await systemMounter.mount({ type: 'tmpfs', source: 'tmpfs', target: shared });
  await t.rejects(ask('Bidirectional'), {
    message: `path "${shared}" is mounted on "${shared}" but it is not a shared mount (on the node: mount --make-rshared ${shared})`,
  });
  await t.rejects(ask('HostToContainer'), /it is not a shared or slave mount/);
  execFileSync('mount', ['--make-shared', shared]);
  t.match(await ask('Bidirectional'), { mounts: [{ propagation: 'PROPAGATION_BIDIRECTIONAL' }] });
  t.match(await ask('HostToContainer'), { mounts: [{ propagation: 'PROPAGATION_HOST_TO_CONTAINER' }] });
  await systemMounter.unmount(shared);
  await rig.remove();
}

async function testDisks(t: Test, ours: string): Promise<void> {
  if (!existsSync('/dev/loop-control') || spawnSync('which', ['mkfs.ext4']).status !== 0) {
    t.pass('there are no loop devices, or no mkfs.ext4, here');
    return;
  }
  const file = join(ours, 'disk');
  writeFileSync(file, '');
  truncateSync(file, 16 * 1024 * 1024);
  const device = execFileSync('losetup', ['--find', '--show', file], { encoding: 'utf8' }).trim();
  try {
    const claim = { persistentVolumeClaim: { claimName: 'claim' } };
    const rig = new VolumeRig(claimed({ local: { path: device } }));
    const manager = rig.manager();
    const [one, other] = await Promise.all(['a', 'b'].map((uid) => ready(manager, podOf(uid, claim))));
    writeFileSync(join(one ?? '', 'kept'), 'x');
    t.equal(readFileSync(join(other ?? '', 'kept'), 'utf8'), 'x', 'both pods see one disk');
    await manager.tearDown('a');
    t.equal((await rig.mounts()).length, 2, 'the other pod still has it');
    await manager.tearDown('b');
    t.strictSame(await rig.mounts(), [], 'the last one lets go of the disk');
    t.equal(readFileSync(join(await ready(rig.manager(), podOf('c', claim)), 'kept'), 'utf8'), 'x');
    await rig.manager().tearDown('c');
    await rig.remove();
    const typed = new VolumeRig(claimed({ local: { path: device, fsType: 'xfs' } }));
    await t.rejects(ready(typed.manager(), podOf('d', claim)), /has the filesystem ext4, not xfs/);
    await typed.manager().tearDown('d');
    await typed.remove();
  } finally {
    execFileSync('losetup', ['--detach', device]);
  }
}

async function testRemoval(t: Test, ours: string): Promise<void> {
  const data = join(ours, 'precious');
  mkdirSync(data);
  writeFileSync(join(data, 'file'), 'x');
  const tree = join(ours, 'tree');
  mkdirSync(join(tree, 'a/mounted'), { recursive: true });
  writeFileSync(join(tree, 'a/mine'), '');
  await systemMounter.mount({ type: 'bind', source: data, target: join(tree, 'a/mounted') });
  await t.rejects(removeTree(tree), MountedError, 'a mount of the same disk is seen as well');
  t.ok(existsSync(join(data, 'file')));
  await systemMounter.unmount(join(tree, 'a/mounted'));
  await removeTree(tree);
  t.notOk(existsSync(tree));

  const rig = new VolumeRig(claimed({ local: { path: data } }));
  const pod = podOf('a', { persistentVolumeClaim: { claimName: 'claim' } });
  const path = await ready(rig.manager(), pod);
  // Somebody sits in the volume: it cannot be unmounted.
  const holder = spawn('sleep', ['60'], { cwd: path, stdio: 'ignore' });
  t.teardown(() => holder.kill('SIGKILL'));
  await t.rejects(rig.manager().tearDown('a'), /still mounted: /);
  t.ok(existsSync(join(data, 'file')), 'nothing was removed');
  t.ok(existsSync(join(path, 'file')), 'the pod still has its volume');
  const ended = new Promise((resolve) => holder.once('exit', resolve));
  holder.kill('SIGKILL');
  await ended;
  await rig.manager().tearDown('a');
  t.notOk(existsSync(rig.folders.pod('a')));

  const lost = await ready(rig.manager(), pod);
  await systemMounter.unmount(lost);
  writeFileSync(join(lost, 'written below the mount'), 'x');
  await t.rejects(rig.manager().tearDown('a'), /is not empty although nothing is mounted there/);
  t.ok(existsSync(join(lost, 'written below the mount')));
  rmSync(join(lost, 'written below the mount'));
  await rig.manager().tearDown('a');
  t.ok(existsSync(join(data, 'file')));
  await rig.remove();
}

async function testStats(t: Test, ours: string): Promise<void> {
  const rig = new VolumeRig(claimed({ local: { path: ours } }));
  const volumes = rig.manager();
  const kibibyte = 1024;
  const disk = podOf('disk', { emptyDir: { sizeLimit: '1Mi' } });
  const memory = podOf('memory', { emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } });
  const claim = podOf('claim', { persistentVolumeClaim: { claimName: 'claim' } });
  const host = podOf('host', { hostPath: { path: ours } });
  writeFileSync(join(await ready(volumes, disk), 'file'), Buffer.alloc(300 * kibibyte, 1));
  writeFileSync(join(await ready(volumes, memory), 'file'), Buffer.alloc(300 * kibibyte, 1));
  await ready(volumes, claim);
  const clock = new ManualClock();
  const stats = new VolumeStats({ volumes: rig.manager(), mounter: systemMounter, clock });
  const pods = [disk, memory, claim, host];
  const first = await stats.ofPods(pods);
  const [onDisk] = first.get('disk') ?? [];
  t.match(onDisk, { name: 'data', isEphemeralStorage: true, sizeLimitBytes: 1024 * kibibyte, inodesUsed: 2 });
  t.ok(Math.abs((onDisk?.usedBytes ?? 0) - 300 * kibibyte) < 50 * kibibyte, 'of the folder alone');
  const [inMemory] = first.get('memory') ?? [];
  t.match(inMemory, { isEphemeralStorage: false, capacityBytes: 1024 * kibibyte, usedBytes: 300 * kibibyte });
  const [claimedUsage] = first.get('claim') ?? [];
  t.match(claimedUsage, { claim: 'default/claim', isEphemeralStorage: false });
  t.ok((claimedUsage?.capacityBytes ?? 0) > 0 && (claimedUsage?.inodes ?? 0) > 0);
  t.strictSame(first.get('host'), [], 'the node is no volume to measure');
  await volumes.tearDown('disk');
  t.equal(await stats.ofPods(pods), first, 'remembered for a minute');
  clock.advance(61_000);
  t.strictSame((await stats.ofPods(pods)).get('disk'), [], 'what is gone has no figures');
  for (const uid of ['memory', 'claim']) await volumes.tearDown(uid);
  await rig.remove();
}

async function testRefusals(t: Test, ours: string): Promise<void> {
  const claim = { persistentVolumeClaim: { claimName: 'claim' } };
  const rig = new VolumeRig(claimed({ hostPath: { path: ours }, accessModes: ['ReadWriteOncePod'] }));
  await ready(rig.manager(), podOf('a', claim));
  await t.rejects(ready(rig.manager(), podOf('b', claim)), /already in use by another pod/);
  await rig.manager().tearDown('a');
  t.equal(await ready(rig.manager(), podOf('b', claim)), ours);
  await rig.manager().tearDown('b');
  await rig.remove();
  if (existsSync('/usr/sbin/mount.nfs')) return;
  const nfs = new VolumeRig(claimed({ nfs: { server: 'server', path: '/share' } }));
  await t.rejects(
    ready(nfs.manager(), podOf('a', claim)),
    /cannot mount server:\/share: this node has no mount.nfs/,
  );
  await nfs.manager().tearDown('a');
  await nfs.remove();
}
