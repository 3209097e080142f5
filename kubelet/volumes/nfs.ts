/** nfs: a folder that a server of the network shares. The node's own mount.nfs does the work. */
import { access, mkdir, rmdir } from 'node:fs/promises';
import { isMountPoint } from './mounter.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

/** Where mount(8) looks for its helpers. */
const helpers = ['/sbin/mount.nfs', '/usr/sbin/mount.nfs'];

export const nfsVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~nfs',
  isPayload: false,
  isEphemeral: false,
  supports: ({ kind }) => kind === 'nfs',
  setUp: async ({ spec, folder, mounter, signal }) => {
    const { server = '', path = '' } = spec.source.nfs ?? {};
    const ready = { kind: 'filesystem', path: folder, readOnly: spec.readOnly } as const;
    if (await isMountPoint(mounter, folder)) return ready;
    if (!(await Promise.all(helpers.map(isThere))).includes(true))
      throw new VolumeError(
        `cannot mount ${server}:${path}: this node has no mount.nfs (Debian and Ubuntu: install nfs-common)`,
      );
    await mkdir(folder, { recursive: true });
    const host = server.includes(':') ? `[${server}]` : server;
    const options = [...spec.mountOptions, ...(spec.readOnly ? ['ro'] : [])];
    try {
      await mounter.mount({ type: 'nfs', source: `${host}:${path}`, target: folder, options }, signal);
    } catch (error) {
      if (!(await isMountPoint(mounter, folder))) await rmdir(folder);
      throw error;
    }
    return ready;
  },
};

async function isThere(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
