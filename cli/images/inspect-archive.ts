/**
 * Reads a user's image file before containerd does, so that what is wrong with it can be said in words: OCI layouts
 * (tar or folder) and docker archives (`docker save`), tars also gzipped.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import { UsageError } from '../../common/usage-error.js';

/** The parts of an archive that say what it holds. */
export interface ArchiveContents {
  /** Every file with its size. */
  readonly files: ReadonlyMap<string, number>;
  /** The text of small JSON files. */
  readonly documents: ReadonlyMap<string, string>;
}

const maxDocumentBytes = 1024 * 1024;

/** An uncompressed tar of the file or folder, as containerd reads it. The caller must read it to its end. */
export async function openArchive(path: string): Promise<Readable> {
  if ((await statOrExplain(path)).isDirectory()) return packFolder(path);
  const magic = await readStart(path);
  if (magic.subarray(0, 4).equals(Buffer.from([0x28, 0xb5, 0x2f, 0xfd]))) {
    throw new UsageError(`${path} is compressed with zstd: decompress it first (zstd -d ${path})`);
  }
  const file = createReadStream(path);
  if (magic[0] !== 0x1f || magic[1] !== 0x8b) return file;
  const plain = new PassThrough();
  // An error of either part reaches whoever reads `plain`: pipeline destroys it with that error.
  pipeline(file, createGunzip(), plain).catch(() => undefined);
  return plain;
}

async function statOrExplain(path: string): Promise<{ isDirectory(): boolean }> {
  try {
    return await stat(path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UsageError(`${path} is not there`, { cause });
    throw cause;
  }
}

async function readStart(path: string): Promise<Buffer> {
  await using handle = await open(path);
  const { buffer } = await handle.read(Buffer.alloc(4), 0, 4, 0);
  return buffer;
}

async function packFolder(folder: string): Promise<Readable> {
  const stream = pack();
  const names = (await readdir(folder, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const feed = async (): Promise<void> => {
    for (const name of names) {
      const { size } = await stat(name);
      const entry = stream.entry({ name: relative(folder, name), size });
      // The library's streams are no Node streams by type, but behave as such.
      await pipeline(createReadStream(name), entry as unknown as NodeJS.WritableStream);
    }
    stream.finalize();
  };
  feed().catch((error: unknown) => {
    stream.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return Readable.from(stream);
}

/** Lists an archive and checks the digest of each blob. Throws UsageError for what is no image archive. */
export async function readContents(path: string): Promise<ArchiveContents> {
  const files = new Map<string, number>();
  const documents = new Map<string, string>();
  const archive = extract();
  const source = await openArchive(path);
  source.on('error', (error) => {
    archive.destroy(error);
  });
  source.pipe(archive as never);
  try {
    for await (const entry of archive) {
      const name = entry.header.name.replace(/^\.\//, '');
      const hash = createHash('sha256');
      const chunks: Buffer[] = [];
      for await (const chunk of entry as AsyncIterable<Buffer>) {
        hash.update(chunk);
        if (entry.header.size <= maxDocumentBytes) chunks.push(chunk);
      }
      if (entry.header.type !== 'file') continue;
      files.set(name, entry.header.size);
      const text = Buffer.concat(chunks);
      if (text[0] === 0x7b || text[0] === 0x5b) documents.set(name, text.toString());
      const digest = /^blobs\/sha256\/([0-9a-f]{64})$/.exec(name)?.[1];
      if (digest !== undefined && hash.digest('hex') !== digest) {
        throw new UsageError(
          `${path}: the blob sha256:${digest} is damaged (its content has another digest)`,
        );
      }
    }
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    throw new UsageError(`${path} is not a tar archive of an image: ${(cause as Error).message}`, { cause });
  }
  return { files, documents };
}
