/**
 * local: a folder, disk or partition of this node, as a PersistentVolume. A disk with mode Filesystem is mounted once for
 * all Pods and formatted when it is blank; with mode Block a file serves as a disk, too, through a loop device.
 */
import { lstat, mkdir, readdir, readlink, rmdir, stat, symlink, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { runCommand, tryCommand } from '../../common/run-command.js';
import { isMountPoint } from './mounter.js';
import type { Mounter } from './mounter.js';
import { giveToGroup } from './volume-ownership.js';
import { VolumeError } from './volume-plugin.js';
import type { SharedCleanUp, VolumeContext, VolumePlugin, VolumeSpec } from './volume-plugin.js';

const defaultFilesystem = 'ext4';

export const localVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~local-volume',
  isPayload: false,
  isEphemeral: false,
  supports: ({ kind }) => kind === 'local',
  setUp: async (context) => {
    const { spec, folder, mounter, signal } = context;
    const source = await folderOf(context);
    await mkdir(folder, { recursive: true });
    if (!(await isMountPoint(mounter, folder)))
      await mounter.mount({ type: 'bind', source, target: folder }, signal);
    if (!spec.readOnly) await giveToPod(context);
    return { kind: 'filesystem', path: folder, readOnly: spec.readOnly };
  },
  setUpDevice: async ({ spec, sharedFolder }) => {
    const path = pathOf(spec);
    const found = await statOrMissing(path);
    const device = found.isBlockDevice() ? path : await attachFile(path, found.isFile(), spec, sharedFolder);
    return { kind: 'block', path: device, readOnly: spec.readOnly };
  },
  releaseUnused: async (shared) => {
    await unmountUnused(shared);
    await detachUnused(shared);
  },
};

function pathOf({ source }: VolumeSpec): string {
  return source.local?.path ?? '';
}

async function statOrMissing(path: string): Promise<Awaited<ReturnType<typeof stat>>> {
  try {
    return await stat(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new VolumeError(`path "${path}" does not exist`);
  }
}

/** The folder to show to the Pod. */
async function folderOf({ spec, sharedFolder, mounter, signal }: VolumeContext): Promise<string> {
  const path = pathOf(spec);
  const found = await statOrMissing(path);
  if (found.isDirectory()) return path;
  if (!found.isBlockDevice())
    throw new VolumeError(`path "${path}" is neither a directory nor a block device`);
  const folder = join(sharedFolder, mountsName, spec.name);
  await mkdir(folder, { recursive: true });
  if (await isMountPoint(mounter, folder)) return folder;
  const type = spec.source.local?.fsType ?? '';
  const wanted = type === '' ? defaultFilesystem : type;
  const present = await filesystemOn(path);
  if (present === undefined && spec.readOnly)
    throw new VolumeError(`cannot mount the unformatted disk ${path} as read-only`);
  if (present === undefined) await format(path, wanted);
  else if (type !== '' && present !== type)
    throw new VolumeError(`the disk ${path} has the filesystem ${present}, not ${type}`);
  const request = { type: present ?? wanted, source: path, target: folder, options: spec.mountOptions };
  await mounter.mount(request, signal);
  return folder;
}

/** What blkid finds on a disk; undefined when the disk is blank. Throws when it cannot tell. */
async function filesystemOn(device: string): Promise<string | undefined> {
  const args = ['-p', '-s', 'TYPE', '-s', 'PTTYPE', '-o', 'export', device];
  const { exitCode, stdout, stderr } = await tryCommand('blkid', args);
  if (exitCode === 2) return undefined;
  const type = /^TYPE=(.*)$/m.exec(stdout)?.[1];
  if (exitCode === 0 && type !== undefined) return type;
  if (exitCode === 0) throw new VolumeError(`the disk ${device} has partitions: name one of them`);
  throw new VolumeError(`blkid cannot tell what is on ${device}: ${stderr.trim()}`);
}

async function format(device: string, type: string): Promise<void> {
  const options = type.startsWith('ext') ? ['-F', '-m0'] : [];
  await runCommand(`mkfs.${type}`, [...options, device], { timeoutMs: 300_000 });
}

/** Only the first Pod changes the owner: what others use already stays as it is. */
async function giveToPod({ pod, spec, folder, groupId, mounter, signal }: VolumeContext): Promise<void> {
  if (groupId === undefined) return;
  const end = `/${localVolumes.folderName}/${spec.name}`;
  const others = (await mounter.mounts()).some(({ path }) => path.endsWith(end) && path !== folder);
  if (others) return;
  const policy = pod.spec.securityContext?.fsGroupChangePolicy;
  await giveToGroup(folder, {
    groupId,
    policy,
    readOnly: false,
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Below the plugin's shared folder: mounts of disks, and links to files that serve as disks. */
const mountsName = 'mounts';
const loopsName = 'loops';

async function attachFile(
  path: string,
  isFile: boolean,
  spec: VolumeSpec,
  sharedFolder: string,
): Promise<string> {
  if (!isFile) throw new VolumeError(`path "${path}" is neither a block device nor a file`);
  const folder = join(sharedFolder, loopsName);
  await mkdir(folder, { recursive: true });
  // Noted before it is attached, so that a kubelet that comes back finds what it has to detach.
  await linkTo(join(folder, spec.name), path);
  const device = await runCommand('losetup', ['--find', '--show', '--nooverlap', path]);
  return device.trim();
}

/** Makes the symbolic link lead there, whatever it led to before. */
export async function linkTo(link: string, target: string): Promise<void> {
  const before = await readlink(link).catch(whenMissing);
  if (before === target) return;
  if (before !== undefined) await unlink(link);
  await symlink(target, link);
}

async function unmountUnused({ sharedFolder, mounter, used }: SharedCleanUp): Promise<void> {
  const folder = join(sharedFolder, mountsName);
  for (const name of (await readdir(folder).catch(whenMissing)) ?? []) {
    if (used.has(name)) continue;
    await unmountAndRemove(mounter, join(folder, name));
  }
}

/** The folder must be empty once nothing is mounted there: what else is in it is not ours. */
async function unmountAndRemove(mounter: Mounter, path: string): Promise<void> {
  await mounter.unmount(path);
  await rmdir(path);
}

async function detachUnused({ sharedFolder, used }: SharedCleanUp): Promise<void> {
  const folder = join(sharedFolder, loopsName);
  for (const name of (await readdir(folder).catch(whenMissing)) ?? []) {
    if (used.has(name)) continue;
    const link = join(folder, name);
    if (!(await lstat(link)).isSymbolicLink()) continue;
    const file = await readlink(link);
    const devices = await runCommand('losetup', ['--noheadings', '--output', 'NAME', '--associated', file]);
    for (const device of devices.split('\n').filter((line) => line !== ''))
      await runCommand('losetup', ['--detach', device.trim()]);
    await unlink(link);
  }
}

function whenMissing(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
