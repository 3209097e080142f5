/** ConfigMap, Secret, downward API and projected volumes: files made of API objects, replaced atomically. */
import { mkdir } from 'node:fs/promises';
import { writeVolumeFiles } from './atomic-writer.js';
import type { VolumeFiles } from './atomic-writer.js';
import { makeOpen, memoryBytes, mountMemory } from './empty-dir.js';
import { isMountPoint } from './mounter.js';
import {
  configMapFiles,
  defaultFileMode,
  downwardFiles,
  projectedFiles,
  secretFiles,
} from './payload-files.js';
import { giveToGroup } from './volume-ownership.js';
import type { VolumeContext, VolumePlugin, VolumeSpec } from './volume-plugin.js';

interface Payload {
  readonly folderName: string;
  /** Kept in memory and never written to the disk. */
  readonly inMemory: boolean;
  readonly supports: (spec: VolumeSpec) => boolean;
  readonly files: (context: VolumeContext) => Promise<VolumeFiles> | VolumeFiles;
}

function payloadPlugin(payload: Payload): VolumePlugin {
  return {
    folderName: payload.folderName,
    isPayload: true,
    isEphemeral: true,
    supports: payload.supports,
    setUp: async (context) => {
      // First, so that a missing object leaves nothing behind.
      const files = await payload.files(context);
      const { folder, mounter, groupId, nowMs, pod, facts } = context;
      await mkdir(folder, { recursive: true });
      if (payload.inMemory && !(await isMountPoint(mounter, folder)))
        await mountMemory(mounter, folder, memoryBytes(pod, facts, undefined));
      await makeOpen(folder);
      await writeVolumeFiles(folder, files, { nowMs, ...(groupId === undefined ? {} : { groupId }) });
      // The files were written with their group and modes; this is the top folder and the links.
      if (groupId !== undefined)
        await giveToGroup(folder, { groupId, policy: 'OnRootMismatch', readOnly: true });
      // Whoever wrote to it would lose that with the next change of the object.
      return { kind: 'filesystem', path: folder, readOnly: true };
    },
  };
}

export const configMapVolumes = payloadPlugin({
  folderName: 'kubernetes.io~configmap',
  inMemory: false,
  supports: ({ kind }) => kind === 'configMap',
  files: (context) => {
    const { name = '', items, optional, defaultMode } = context.spec.source.configMap ?? {};
    const selection = { items, optional: optional === true, mode: defaultMode ?? defaultFileMode };
    return configMapFiles(context, name, selection);
  },
});

export const secretVolumes = payloadPlugin({
  folderName: 'kubernetes.io~secret',
  inMemory: true,
  supports: ({ kind }) => kind === 'secret',
  files: (context) => {
    const { secretName = '', items, optional, defaultMode } = context.spec.source.secret ?? {};
    const selection = { items, optional: optional === true, mode: defaultMode ?? defaultFileMode };
    return secretFiles(context, secretName, selection);
  },
});

export const downwardApiVolumes = payloadPlugin({
  folderName: 'kubernetes.io~downward-api',
  inMemory: true,
  supports: ({ kind }) => kind === 'downwardAPI',
  files: (context) => {
    const { items, defaultMode } = context.spec.source.downwardAPI ?? {};
    return downwardFiles(context, items ?? [], defaultMode ?? defaultFileMode);
  },
});

export const projectedVolumes = payloadPlugin({
  folderName: 'kubernetes.io~projected',
  inMemory: true,
  supports: ({ kind }) => kind === 'projected',
  files: (context) => {
    const { sources, defaultMode } = context.spec.source.projected ?? {};
    return projectedFiles(context, sources ?? [], defaultMode ?? defaultFileMode);
  },
});
