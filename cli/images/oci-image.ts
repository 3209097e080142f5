/**
 * Builds OCI images from lists of files, byte for byte the same on every run and machine.
 *
 * Layers are plain tar (not compressed: a compressor's output changes between versions, and nothing is sent over a
 * network), entries are in the order given, and every time stamp is the epoch. See the OCI image specification
 * (image-layout, manifest, config).
 */
import { createHash } from 'node:crypto';
import { pack } from 'tar-stream';
import type { Header } from 'tar-stream';

export type ImageFile =
  | { readonly type: 'directory'; readonly path: string; readonly mode?: number }
  | {
      readonly type: 'file';
      readonly path: string;
      readonly mode?: number;
      readonly content: Buffer | string;
    }
  | { readonly type: 'symlink'; readonly path: string; readonly target: string };

/** One layer as it will be in the image. */
export interface Layer {
  readonly blob: Buffer;
  readonly digest: string;
}

export interface ImageDefinition {
  /** The full name with tag under which a pod refers to it. */
  readonly name: string;
  readonly layers: readonly Layer[];
  /** `amd64`, `arm64`: as Go names them. */
  readonly architecture: string;
  readonly config: {
    readonly Entrypoint?: readonly string[];
    readonly Cmd?: readonly string[];
    readonly Env?: readonly string[];
    readonly WorkingDir?: string;
    readonly ExposedPorts?: Readonly<Record<string, Record<string, never>>>;
  };
}

export interface BuiltImage {
  readonly name: string;
  /** Digest of the manifest: the identity of the image. */
  readonly digest: string;
  /** Digest of its config: the id that the CRI shows. */
  readonly configDigest: string;
  readonly manifest: Descriptor;
  readonly blobs: ReadonlyMap<string, Buffer>;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

type EntryHeader = Pick<Header, 'name'> & Partial<Header>;

const epoch = new Date(0);
const mediaTypes = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar',
} as const;

export async function buildLayer(files: readonly ImageFile[]): Promise<Layer> {
  const blob = await tarOf(
    files.map((file) => {
      switch (file.type) {
        case 'directory':
          return [{ name: `${file.path}/`, type: 'directory', mode: file.mode ?? 0o755 }];
        case 'symlink':
          return [{ name: file.path, type: 'symlink', linkname: file.target, mode: 0o777 }];
        case 'file':
          return [{ name: file.path, type: 'file', mode: file.mode ?? 0o644 }, file.content];
      }
    }),
  );
  return { blob, digest: digestOf(blob) };
}

export function buildImage(definition: ImageDefinition): BuiltImage {
  const config = json({
    architecture: definition.architecture,
    config: definition.config,
    created: epoch.toISOString(),
    history: definition.layers.map(() => ({ created: epoch.toISOString(), created_by: 'knarr' })),
    os: 'linux',
    // Of a layer that is not compressed, the diff id is its digest.
    rootfs: { diff_ids: definition.layers.map(({ digest }) => digest), type: 'layers' },
  });
  const manifest = json({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptor(mediaTypes.config, config),
    layers: definition.layers.map(({ blob }) => descriptor(mediaTypes.layer, blob)),
  });
  const blobs = new Map<string, Buffer>();
  for (const blob of [...definition.layers.map((layer) => layer.blob), config, manifest])
    blobs.set(digestOf(blob), blob);
  return {
    name: definition.name,
    digest: digestOf(manifest),
    configDigest: digestOf(config),
    manifest: descriptor(mediaTypes.manifest, manifest),
    blobs,
  };
}

/** A tar of an OCI image layout that holds these images; blobs that they share are in it once. */
export async function ociArchive(images: readonly BuiltImage[]): Promise<Buffer> {
  const blobs = new Map(images.flatMap((image) => [...image.blobs]));
  const index = json({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map((image) => ({
      ...image.manifest,
      annotations: {
        'io.containerd.image.name': image.name,
        'org.opencontainers.image.ref.name': image.name.slice(image.name.lastIndexOf(':') + 1),
      },
    })),
  });
  return tarOf([
    [{ name: 'oci-layout' }, JSON.stringify({ imageLayoutVersion: '1.0.0' })],
    [{ name: 'index.json' }, index],
    [{ name: 'blobs/', type: 'directory' }],
    [{ name: 'blobs/sha256/', type: 'directory' }],
    ...[...blobs]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([digest, blob]): [EntryHeader, Buffer] => [
        { name: `blobs/sha256/${digest.slice('sha256:'.length)}` },
        blob,
      ]),
  ]);
}

async function tarOf(entries: readonly (readonly [EntryHeader, (Buffer | string)?])[]): Promise<Buffer> {
  const stream = pack();
  for (const [header, content] of entries) {
    stream.entry({ ...header, mtime: epoch, uid: 0, gid: 0, uname: '', gname: '' }, content ?? '');
  }
  stream.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value));
}

function descriptor(mediaType: string, blob: Buffer): Descriptor {
  return { mediaType, digest: digestOf(blob), size: blob.length };
}

export function digestOf(blob: Buffer): string {
  return `sha256:${createHash('sha256').update(blob).digest('hex')}`;
}
