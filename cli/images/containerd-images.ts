/** Images in Knarr's containerd, through `ctr`, which comes with it. */
import { readFile } from 'node:fs/promises';
import { arch } from 'node:os';
import type { Readable } from 'node:stream';
import { UsageError } from '../../common/usage-error.js';
import { runCommand } from '../../common/run-command.js';
import { buildShippedImages } from './shipped-images.js';
import { ociArchive } from './oci-image.js';
import type { BuiltImage } from './oci-image.js';

export interface ContainerdImage {
  readonly name: string;
  readonly digest: string;
  /** As containerd words it: `2.1 MiB`. */
  readonly size: string;
  readonly platforms: readonly string[];
}

/** `ctr` on Knarr's own containerd, in the namespace that the CRI uses. */
export function ctr(
  socket: string,
  args: readonly string[],
  input?: Buffer | Readable,
  signal?: AbortSignal,
): Promise<string> {
  return runCommand('ctr', ['--address', socket, '--namespace', 'k8s.io', ...args], {
    timeoutMs: 600_000,
    ...(input === undefined ? {} : { input }),
    ...(signal === undefined ? {} : { signal }),
  });
}

/** Reads the table of `ctr images ls`. The CRI keeps further entries per image, by id and by digest: left out. */
export function parseImageList(text: string): ContainerdImage[] {
  const images: ContainerdImage[] = [];
  for (const line of text.split('\n').slice(1)) {
    const match = /^(\S+)\s+\S+\s+(sha256:[0-9a-f]{64})\s+([\d.]+ \S+)\s+(\S+)/.exec(line);
    const [, name = '', digest = '', size = '', platforms = ''] = match ?? [];
    if (name === '' || name.startsWith('sha256:') || name.includes('@')) continue;
    images.push({ name, digest, size, platforms: platforms.split(',') });
  }
  return images;
}

export async function listImages(socket: string): Promise<ContainerdImage[]> {
  return parseImageList(await ctr(socket, ['images', 'ls']));
}

/** Imports an OCI layout or docker archive (an uncompressed tar). Returns the names of the images in it. */
export async function importArchive(
  socket: string,
  snapshotter: string,
  archive: Buffer | Readable,
): Promise<string[]> {
  const output = await ctr(socket, ['images', 'import', '--snapshotter', snapshotter, '-'], archive);
  return [...output.matchAll(/^unpacking (\S+) \(/gm)].map(([, name = '']) => name);
}

/** Builds the shipped images and imports those that containerd does not have in just this form. */
export async function ensureShippedImages(
  socket: string,
  snapshotter: string,
  busyboxPath: string,
): Promise<{ readonly imported: readonly string[] }> {
  const [images, present] = await Promise.all([buildFromBusybox(busyboxPath), listImages(socket)]);
  const missing = images.filter(
    (image) => !present.some(({ name, digest }) => name === image.name && digest === image.digest),
  );
  if (missing.length > 0) await importArchive(socket, snapshotter, await ociArchive(missing));
  return { imported: missing.map(({ name }) => name) };
}

async function buildFromBusybox(path: string): Promise<BuiltImage[]> {
  const [binary, list] = await Promise.all([readFile(path), runCommand(path, ['--list'])]);
  return buildShippedImages({
    binary,
    commands: list.split('\n').filter((command) => command !== ''),
    architecture: goArchitecture(arch()),
  });
}

/** Node's name of the processor architecture to Go's, which images use. */
export function goArchitecture(nodeName: string): string {
  const known: Readonly<Record<string, string>> = {
    x64: 'amd64',
    arm64: 'arm64',
    arm: 'arm',
    ppc64: 'ppc64le',
  };
  const name = known[nodeName] ?? (nodeName === 's390x' || nodeName === 'riscv64' ? nodeName : undefined);
  if (name === undefined) throw new UsageError(`no images can be built for the architecture ${nodeName}`);
  return name;
}
