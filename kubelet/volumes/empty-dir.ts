/** emptyDir: a folder that lives as long as its Pod, on the node's disk or in memory. */
import { chmod, chown, mkdir } from 'node:fs/promises';
import { quantityBytes } from '../../api/quantity.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

export const emptyDirVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~empty-dir',
  isPayload: false,
  supports: (volume) => volume.emptyDir !== undefined,
  setUp: async ({ volume, folder, mounter, groupId }) => {
    const { medium = '', sizeLimit } = volume.emptyDir ?? {};
    await mkdir(folder, { recursive: true });
    if (medium === 'Memory') {
      if (!(await mounter.mountsBelow(folder)).includes(folder))
        await mounter.mountTmpfs(folder, { sizeBytes: quantityBytes(sizeLimit), mode: '0777' });
    } else if (medium !== '') throw new VolumeError(`emptyDir: the medium ${medium} is not supported`);
    if (groupId !== undefined) await chown(folder, 0, groupId);
    // Every user of the Pod may write here; new files belong to the Pod's group.
    await chmod(folder, groupId === undefined ? 0o777 : 0o2777);
    return folder;
  },
};
