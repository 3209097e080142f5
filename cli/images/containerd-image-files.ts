/** The files of containerd's images, for {@link prewarmImages}: through `ctr`, which comes with containerd. */
import { mkdtemp, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshotter } from '../containerd/containerd-config.js';
import type { Layout } from '../layout.js';
import type { ImageFiles } from '../up/prewarm.js';
import { ctr } from './containerd-images.js';

export function containerdImageFiles({ run, data }: Layout, snapshotter: Snapshotter): ImageFiles {
  const socket = run.containerdSocket;
  const flag = `--snapshotter=${snapshotter}`;
  return {
    has: async (image) => (await ctr(socket, ['images', 'ls', '-q'])).split('\n').includes(image),
    pull: async (image, signal) => {
      await ctr(socket, ['images', 'pull', flag, `--hosts-dir=${data.registries}`, image], undefined, signal);
    },
    /** A read-only mount of the same layers that containers are made of: they share what the cache holds. */
    withFiles: async (image, read) => {
      const target = await mkdtemp(join(run.root, 'prewarm-'));
      try {
        await ctr(socket, ['images', 'mount', flag, image, target]);
        try {
          await read(target);
        } finally {
          await ctr(socket, ['images', 'unmount', flag, '--rm', target]);
        }
      } finally {
        await rmdir(target);
      }
    },
  };
}
