/** What an image archive holds, or what is wrong with it. Pure: reads what {@link readContents} collected. */
import { UsageError } from '../../common/usage-error.js';
import type { ArchiveContents } from './inspect-archive.js';

export interface ArchiveImage {
  /** Undefined in an OCI layout that names nothing. */
  readonly name: string | undefined;
  readonly architectures: readonly string[];
}

export interface ArchiveDescription {
  readonly format: 'oci-layout' | 'docker-archive';
  readonly images: readonly ArchiveImage[];
}

type Json = Readonly<Record<string, unknown>>;

/** Throws UsageError that names the file or blob that is missing or wrong. */
export function describeArchive(contents: ArchiveContents, path: string): ArchiveDescription {
  if (contents.files.has('index.json')) {
    return { format: 'oci-layout', images: describeLayout(contents, path) };
  }
  if (contents.files.has('manifest.json')) {
    return { format: 'docker-archive', images: describeDocker(contents, path) };
  }
  throw new UsageError(
    `${path} is neither an OCI layout (it has no index.json) nor a docker archive (it has no manifest.json)`,
  );
}

function describeLayout(contents: ArchiveContents, path: string): ArchiveImage[] {
  const index = readJson(contents, 'index.json', path);
  const manifests = listOf(index, 'manifests');
  if (manifests.length === 0) throw new UsageError(`${path}: index.json names no image`);
  return manifests.map((descriptor) => {
    const annotations = objectOf(descriptor['annotations']);
    const name = annotations['io.containerd.image.name'] ?? annotations['org.opencontainers.image.ref.name'];
    return {
      // A bare tag ("1.0") names no image.
      name: typeof name === 'string' && /[:/]/.test(name) ? name : undefined,
      architectures: architecturesOf(contents, descriptor, path),
    };
  });
}

/** Follows an index or a manifest down to the configs and looks that every blob is there. */
function architecturesOf(contents: ArchiveContents, descriptor: Json, path: string): string[] {
  const document = readJson(contents, blobOf(contents, descriptor, path), path);
  if (Array.isArray(document['manifests'])) {
    const platforms = listOf(document, 'manifests');
    // An index may name platforms whose blobs were left out.
    const present = platforms.filter((platform) => contents.files.has(blobName(platform)));
    return present.flatMap((platform) => architecturesOf(contents, platform, path));
  }
  for (const layer of listOf(document, 'layers')) blobOf(contents, layer, path);
  const config = readJson(contents, blobOf(contents, objectOf(document['config']), path), path);
  return typeof config['architecture'] === 'string' ? [config['architecture']] : [];
}

function blobName(descriptor: Json): string {
  return `blobs/${String(descriptor['digest']).replace(':', '/')}`;
}

function blobOf(contents: ArchiveContents, descriptor: Json, path: string): string {
  const name = blobName(descriptor);
  const size = contents.files.get(name);
  if (size === undefined)
    throw new UsageError(`${path}: the blob ${String(descriptor['digest'])} is missing`);
  if (size !== descriptor['size']) {
    throw new UsageError(
      `${path}: the blob ${String(descriptor['digest'])} has ${size} bytes where ${String(descriptor['size'])} are announced`,
    );
  }
  return name;
}

function describeDocker(contents: ArchiveContents, path: string): ArchiveImage[] {
  const images = parse(contents, 'manifest.json', path);
  if (!Array.isArray(images) || images.length === 0) {
    throw new UsageError(`${path}: manifest.json names no image`);
  }
  return images.map(objectOf).flatMap((image): ArchiveImage[] => {
    const layers = Array.isArray(image['Layers']) ? image['Layers'] : [];
    for (const file of [image['Config'], ...(layers as unknown[])]) {
      if (!contents.files.has(String(file)))
        throw new UsageError(`${path}: the file ${String(file)} is missing`);
    }
    const config = readJson(contents, String(image['Config']), path);
    const architectures = typeof config['architecture'] === 'string' ? [config['architecture']] : [];
    const tags = Array.isArray(image['RepoTags']) ? (image['RepoTags'] as unknown[]).map(String) : [];
    if (tags.length === 0) return [{ name: undefined, architectures }];
    return tags.map((name) => ({ name, architectures }));
  });
}

function readJson(contents: ArchiveContents, name: string, path: string): Json {
  const value = parse(contents, name, path);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UsageError(`${path}: ${name} is not a JSON object`);
  }
  return value as Json;
}

function parse(contents: ArchiveContents, name: string, path: string): unknown {
  const text = contents.documents.get(name);
  if (text === undefined) throw new UsageError(`${path}: ${name} is not JSON`);
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new UsageError(`${path}: ${name} is damaged: ${(cause as Error).message}`, { cause });
  }
}

function objectOf(value: unknown): Json {
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

function listOf(value: Json, key: string): Json[] {
  const list = value[key];
  return Array.isArray(list) ? list.map(objectOf) : [];
}
