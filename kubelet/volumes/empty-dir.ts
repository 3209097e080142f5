/** emptyDir: a folder that lives as long as its Pod, on the node's disk, in memory or in huge pages. */
import { access, chmod, lstat, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import { podLimits } from '../../api/pod-helpers.js';
import { quantityBytes } from '../../api/quantity.js';
import type { PodFacts } from '../environment/downward-api.js';
import { isMountPoint } from './mounter.js';
import type { Mounter } from './mounter.js';
import { giveToGroup } from './volume-ownership.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

export const emptyDirVolumes: VolumePlugin = {
  folderName: 'kubernetes.io~empty-dir',
  isPayload: false,
  isEphemeral: true,
  supports: ({ kind }) => kind === 'emptyDir',
  setUp: async ({ pod, spec, folder, notesFolder, mounter, groupId, facts, signal }) => {
    const { medium = '', sizeLimit } = spec.source.emptyDir ?? {};
    const ready = { kind: 'filesystem', path: folder, readOnly: false } as const;
    const isMounted = medium === '' || (await isMountPoint(mounter, folder));
    // What containers did to the folder since is theirs. A machine that was restarted has lost the memory, though.
    if (isMounted && (await exists(join(notesFolder, readyNote)))) return ready;
    await mkdir(folder, { recursive: true });
    if (!isMounted && medium === 'Memory') {
      const limit = sizeLimit === undefined ? undefined : quantityBytes(sizeLimit);
      await mountMemory(mounter, folder, memoryBytes(pod, facts, limit));
    } else if (!isMounted) await mountHugePages(mounter, folder, hugePageSize(pod, medium), sizeLimit);
    await makeOpen(folder);
    if (groupId !== undefined)
      await giveToGroup(folder, {
        groupId,
        policy: pod.spec.securityContext?.fsGroupChangePolicy,
        readOnly: false,
        ...(signal === undefined ? {} : { signal }),
      });
    await mkdir(notesFolder, { recursive: true });
    await writeFile(join(notesFolder, readyNote), '');
    return ready;
  },
};

/** Its folder was made in full: not to be touched again. */
const readyNote = 'ready';

/** Every user of the Pod may write here; what else the folder's mode says stays. */
export async function makeOpen(folder: string): Promise<void> {
  const { mode } = await lstat(folder);
  if ((mode & 0o777) !== 0o777) await chmod(folder, 0o777);
}

export async function mountMemory(mounter: Mounter, folder: string, sizeBytes: number): Promise<void> {
  // Never written to the disk, not even when memory is short: Secrets are kept here.
  const options = ['noswap', ...(sizeBytes > 0 ? [`size=${String(sizeBytes)}`] : [])];
  try {
    await mounter.mount({ type: 'tmpfs', source: 'tmpfs', target: folder, options });
  } catch (error) {
    // Linux before 6.4 does not know the option.
    const isOld = error instanceof Error && /noswap|wrong fs type, bad option/.test(error.message);
    if (!isOld) throw error;
    await mounter.mount({ type: 'tmpfs', source: 'tmpfs', target: folder, options: options.slice(1) });
  }
}

/**
 * How large a volume in memory may become: what it asks for, but no more than its Pod may use, nor the node has for
 * Pods. Pure. 0 when nothing is known.
 */
export function memoryBytes(pod: Pod, facts: PodFacts, limitBytes: number | undefined): number {
  const bounds = [quantityBytes(facts.allocatable['memory']), podMemoryLimit(pod), limitBytes ?? 0];
  const known = bounds.filter((bytes) => bytes > 0);
  return known.length === 0 ? 0 : Math.min(...known);
}

/** The Pod's own limit, or the sum of its containers' where each has one; else 0. */
function podMemoryLimit({ spec }: Pod): number {
  const own = spec.resources?.limits?.['memory'];
  if (own !== undefined) return quantityBytes(own);
  const isBounded = [...spec.containers, ...(spec.initContainers ?? [])].every(
    ({ resources }) => quantityBytes(resources?.limits?.['memory']) > 0,
  );
  return isBounded ? podLimits({ spec }).memoryBytes : 0;
}

/** The size of pages that the Pod's volume is made of, in bytes. Pure. */
export function hugePageSize(pod: Pod, medium: string): number {
  if (medium !== 'HugePages' && !medium.startsWith('HugePages-'))
    throw new VolumeError(`unknown storage medium "${medium}": Memory, HugePages, HugePages-<size> or none`);
  const prefix = 'hugepages-';
  const sizes = new Set(
    [...pod.spec.containers, ...(pod.spec.initContainers ?? [])]
      .flatMap(({ resources }) => Object.keys({ ...resources?.limits, ...resources?.requests }))
      .filter((name) => name.startsWith(prefix))
      .map((name) => quantityBytes(name.slice(prefix.length))),
  );
  if (medium !== 'HugePages') {
    const size = quantityBytes(medium.slice('HugePages-'.length));
    if (sizes.has(size)) return size;
    throw new VolumeError(`medium ${medium}: no container of the pod requests huge pages of this size`);
  }
  const [only] = sizes;
  if (only !== undefined && sizes.size === 1) return only;
  throw new VolumeError(
    `medium HugePages can only be used if the containers of the pod request huge pages of one size, not ${String(sizes.size)}`,
  );
}

async function mountHugePages(
  mounter: Mounter,
  folder: string,
  pageBytes: number,
  sizeLimit: string | undefined,
): Promise<void> {
  const kibibytes = String(pageBytes / 1024);
  if (!(await exists(`/sys/kernel/mm/hugepages/hugepages-${kibibytes}kB`)))
    throw new VolumeError(`this node has no huge pages of ${kibibytes} KiB`);
  const limit = quantityBytes(sizeLimit);
  const options = [`pagesize=${kibibytes}K`, ...(limit > 0 ? [`size=${String(limit)}`] : [])];
  await mounter.mount({ type: 'hugetlbfs', source: 'nodev', target: folder, options });
}

async function exists(path: string): Promise<boolean> {
  try {
    await access(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
}
