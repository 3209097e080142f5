/** ConfigMap, Secret, downward API and projected volumes: files made of API objects, replaced atomically. */
import { chown, mkdir } from 'node:fs/promises';
import type { Volume } from '../../api/generated/core-v1.js';
import { writeVolumeFiles } from './atomic-writer.js';
import type { VolumeFiles } from './atomic-writer.js';
import {
  configMapFiles,
  defaultFileMode,
  downwardFiles,
  projectedFiles,
  secretFiles,
} from './payload-files.js';
import type { VolumeContext, VolumePlugin } from './volume-plugin.js';

interface Payload {
  readonly folderName: string;
  /** Kept in memory and never written to the disk. */
  readonly inMemory: (volume: Volume) => boolean;
  readonly supports: (volume: Volume) => boolean;
  readonly files: (context: VolumeContext) => Promise<VolumeFiles> | VolumeFiles;
}

function payloadPlugin(payload: Payload): VolumePlugin {
  return {
    folderName: payload.folderName,
    isPayload: true,
    supports: payload.supports,
    setUp: async (context) => {
      // First, so that a missing object leaves nothing behind.
      const files = await payload.files(context);
      const { folder, mounter, groupId, nowMs, volume } = context;
      await mkdir(folder, { recursive: true });
      if (payload.inMemory(volume) && !(await mounter.mountsBelow(folder)).includes(folder))
        await mounter.mountTmpfs(folder, { sizeBytes: 0, mode: '0777' });
      if (groupId !== undefined) await chown(folder, 0, groupId);
      await writeVolumeFiles(folder, files, { nowMs, ...(groupId === undefined ? {} : { groupId }) });
      return folder;
    },
  };
}

export const configMapVolumes = payloadPlugin({
  folderName: 'kubernetes.io~configmap',
  inMemory: () => false,
  supports: (volume) => volume.configMap !== undefined,
  files: (context) => {
    const { name = '', items, optional, defaultMode } = context.volume.configMap ?? {};
    const selection = { items, optional: optional === true, mode: defaultMode ?? defaultFileMode };
    return configMapFiles(context, name, selection);
  },
});

export const secretVolumes = payloadPlugin({
  folderName: 'kubernetes.io~secret',
  inMemory: () => true,
  supports: (volume) => volume.secret !== undefined,
  files: (context) => {
    const { secretName = '', items, optional, defaultMode } = context.volume.secret ?? {};
    const selection = { items, optional: optional === true, mode: defaultMode ?? defaultFileMode };
    return secretFiles(context, secretName, selection);
  },
});

export const downwardApiVolumes = payloadPlugin({
  folderName: 'kubernetes.io~downward-api',
  inMemory: () => false,
  supports: (volume) => volume.downwardAPI !== undefined,
  files: (context) => {
    const { items, defaultMode } = context.volume.downwardAPI ?? {};
    return downwardFiles(context, items ?? [], defaultMode ?? defaultFileMode);
  },
});

export const projectedVolumes = payloadPlugin({
  folderName: 'kubernetes.io~projected',
  inMemory: (volume) =>
    volume.projected?.sources?.some(
      ({ secret, serviceAccountToken }) => secret !== undefined || serviceAccountToken !== undefined,
    ) === true,
  supports: (volume) => volume.projected !== undefined,
  files: (context) => {
    const { sources, defaultMode } = context.volume.projected ?? {};
    return projectedFiles(context, sources ?? [], defaultMode ?? defaultFileMode);
  },
});
