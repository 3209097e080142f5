/**
 * `subPath`: one file or folder of a volume for a container, safe against links that lead out of the volume.
 *
 * Containers can write to their volumes, so a link may be put in place of a folder at any moment. Therefore the path is
 * resolved once, and then each part of it is opened below the one before without following a link; what was opened, and
 * not its name, is mounted (`/proc/PID/fd/N`) at a place that only the kubelet can change, and the container gets that.
 */
import { constants } from 'node:fs';
import { chmod, lstat, mkdir, open, realpath, rmdir, stat, unlink, writeFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { VolumeMount } from '../../api/generated/core-v1.js';
import { expandVariables } from '../environment/expand-variables.js';
import { ConfigurationError } from '../environment/resolve-environment.js';
import { isMountPoint } from './mounter.js';
import type { Mounter } from './mounter.js';

/** Opens a place in the tree and no content: enough for fstat and mount. Node has no name for it. */
const pathOnly = 0o10000000;
const openPlace = pathOnly | constants.O_NOFOLLOW;
const openFolder = openPlace | constants.O_DIRECTORY;

/** The path below the volume, or undefined for the whole volume. Throws ConfigurationError. Pure. */
export function wantedSubPath(
  mount: VolumeMount,
  environment: ReadonlyMap<string, string>,
): string | undefined {
  const { subPath = '', subPathExpr = '' } = mount;
  const path = subPathExpr === '' ? subPath : expandStrictly(subPathExpr, environment);
  if (path === '') return undefined;
  if (path.startsWith('/'))
    throw new ConfigurationError(`error SubPath \`${path}\` must not be an absolute path`);
  if (path.split('/').includes('..'))
    throw new ConfigurationError(`unable to provision SubPath \`${path}\`: must not contain '..'`);
  const clean = path
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  return clean === '' ? undefined : clean;
}

/** Unlike in a command, a variable that is not there is an error: a wrong folder would be shared. */
function expandStrictly(text: string, environment: ReadonlyMap<string, string>): string {
  for (const [, name = ''] of text.replaceAll('$$', '').matchAll(/\$\(([^)]*)\)/g))
    if (!environment.has(name)) throw new ConfigurationError(`missing value for "${name}"`);
  return expandVariables(text, environment);
}

export interface SubPathRequest {
  readonly mounter: Mounter;
  /** The volume on the node. */
  readonly volume: string;
  readonly subPath: string;
  /** Where to mount it; made here. */
  readonly target: string;
  /** `volumeMount "data" of container "main"`, for errors. */
  readonly what: string;
}

/** Idempotent: what is mounted already and still the same is left alone. Throws ConfigurationError. */
export async function mountSubPath(request: SubPathRequest): Promise<void> {
  const base = await realpath(request.volume);
  await attempt(`failed to create subPath directory for ${request.what}`, () =>
    makeMissing(base, request.subPath),
  );
  await attempt(`failed to prepare subPath for ${request.what}`, async () => {
    const place = await openWithin(base, await realpath(join(base, request.subPath)));
    try {
      await bind(request.mounter, place, request.target);
    } finally {
      await place.close();
    }
  });
}

async function attempt(trouble: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigurationError(`${trouble}: ${why}`, { cause: error });
  }
}

/** Opens what is there, part by part. `path` has no links in it; one that is found was put there meanwhile. */
async function openWithin(base: string, path: string): Promise<FileHandle> {
  if (path !== base && !path.startsWith(`${base}/`))
    throw new Error(`subpath "${path}" not within volume path "${base}"`);
  const parts = relative(base, path)
    .split('/')
    .filter((part) => part !== '');
  let place = await open(base, openFolder);
  for (const [index, part] of parts.entries()) {
    const isLast = index === parts.length - 1;
    place = await step(place, part, isLast ? openPlace : openFolder);
  }
  if (!(await place.stat()).isSymbolicLink()) return place;
  await place.close();
  throw new Error(`"${path}" became a symbolic link`);
}

/** Goes one part down; the place before is closed in any case. */
async function step(place: FileHandle, part: string, flags: number): Promise<FileHandle> {
  try {
    return await open(`${here(place)}/${part}`, flags);
  } finally {
    await place.close();
  }
}

/** Makes the folders that are missing, with the mode of the volume itself, so that its users can use them. */
async function makeMissing(base: string, subPath: string): Promise<void> {
  const parts = subPath.split('/');
  const missing: string[] = [];
  let existing: string | undefined;
  while ((existing = await realpathIfThere(join(base, ...parts))) === undefined)
    missing.unshift(parts.pop() ?? '');
  if (missing.length === 0) return;
  const mode = (await stat(base)).mode & 0o777;
  let place = await openWithin(base, existing);
  try {
    for (const part of missing) {
      // Whoever made it meanwhile made it; if it is no folder, opening it says so.
      await mkdir(`${here(place)}/${part}`).catch(whenCode('EEXIST'));
      place = await step(place, part, openFolder);
      await chmod(here(place), mode);
    }
  } finally {
    await place.close();
  }
}

async function bind(mounter: Mounter, place: FileHandle, target: string): Promise<void> {
  const wanted = await place.stat();
  if (await isMountPoint(mounter, target)) {
    const mounted = await stat(target);
    if (mounted.dev === wanted.dev && mounted.ino === wanted.ino) return;
    await mounter.unmount(target);
  }
  await makePlaceholder(target, wanted.isDirectory());
  const source = `/proc/${String(process.pid)}/fd/${String(place.fd)}`;
  await mounter.mount({ type: 'bind', source, target });
}

/** Something of the right kind to mount on. */
async function makePlaceholder(target: string, isFolder: boolean): Promise<void> {
  await mkdir(dirname(target), { recursive: true, mode: 0o750 });
  const found = await lstat(target).catch(whenCode('ENOENT'));
  if (found !== undefined && found.isDirectory() !== isFolder) {
    if (found.isDirectory()) await rmdir(target);
    else await unlink(target);
  }
  if (isFolder) await mkdir(target, { mode: 0o750 }).catch(whenCode('EEXIST'));
  else await writeFile(target, '', { mode: 0o640 });
}

function here(place: FileHandle): string {
  return `/proc/self/fd/${String(place.fd)}`;
}

async function realpathIfThere(path: string): Promise<string | undefined> {
  return realpath(path).catch(whenCode('ENOENT'));
}

function whenCode(code: string): (error: unknown) => undefined {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === code) return undefined;
    throw error;
  };
}
