/** `knarr image load` and `knarr image ls`: images without a registry. */
import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import { exitCodes, UsageError } from '../../common/usage-error.js';
import { findCluster } from '../command-context.js';
import type { CommandContext, ExitCode } from '../command-context.js';
import { snapshotterOf } from '../containerd/containerd-config.js';
import { goArchitecture, importArchive, listImages } from '../images/containerd-images.js';
import { describeArchive } from '../images/describe-archive.js';
import { openArchive, readContents } from '../images/inspect-archive.js';
import type { Layout } from '../layout.js';
import { PidFolder } from '../supervisor/process-identity.js';

export async function loadImage(context: CommandContext, file: string): Promise<ExitCode> {
  const { layout } = await findRunning(context);
  const { format, images } = describeArchive(await readContents(file), file);
  const own = goArchitecture(arch());
  for (const { name, architectures } of images) {
    if (name === undefined) {
      throw new UsageError(
        `${file} holds an image without a name: save it with a name and tag (docker save NAME:TAG; skopeo copy … oci-archive:FILE:NAME:TAG)`,
      );
    }
    if (architectures.length > 0 && !architectures.includes(own)) {
      throw new UsageError(`${name} is for ${architectures.join(', ')}, and this machine is ${own}`);
    }
  }
  const snapshotter = snapshotterOf(await readFile(layout.data.containerdConfig, 'utf8'));
  const names = await importArchive(layout.run.containerdSocket, snapshotter, await openArchive(file));
  context.terminal.result({ format, images: names }, () => {
    for (const name of names) context.terminal.line(`loaded ${name}`);
  });
  return exitCodes.ok;
}

export async function listLoadedImages(context: CommandContext): Promise<ExitCode> {
  const { layout } = await findRunning(context);
  const images = await listImages(layout.run.containerdSocket);
  context.terminal.result(images, () => {
    context.terminal.table([
      ['IMAGE', 'DIGEST', 'SIZE', 'PLATFORMS'],
      ...images.map(({ name, digest, size, platforms }) => [
        name,
        digest.slice('sha256:'.length, 'sha256:'.length + 12),
        size,
        platforms.join(','),
      ]),
    ]);
  });
  return exitCodes.ok;
}

async function findRunning(context: CommandContext): Promise<{ layout: Layout }> {
  if (!context.isRoot) throw new UsageError('images are for root: run it again with sudo');
  const { layout } = await findCluster(context);
  if (new PidFolder(layout.run.pids).readLive('containerd') === undefined) {
    throw new UsageError('containerd is not running: start Knarr with knarr up');
  }
  return { layout };
}
