/**
 * Gives a volume to the Pod's `fsGroup`: group and modes as Kubernetes sets them. Files get the group and may be read
 * and written by it, folders besides entered, and what is made in them later belongs to the group, too (setgid).
 */
import { chmod, lchown, lstat, opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { PodFSGroupChangePolicy } from '../../api/generated/core-v1.js';

const setgid = 0o2000;

/** The mode of a file or folder once it belongs to the group. Pure. */
export function groupMode(mode: number, isFolder: boolean, readOnly: boolean): number {
  const access = readOnly ? 0o440 : 0o660;
  return mode | access | (isFolder ? 0o110 | setgid : 0);
}

/** Whether the top folder shows that the volume belongs to the group already. Pure. */
export function belongsToGroup(
  top: { readonly gid: number; readonly mode: number },
  groupId: number,
  readOnly: boolean,
): boolean {
  const wanted = groupMode(0, true, readOnly);
  return top.gid === groupId && (top.mode & wanted) === wanted;
}

export interface OwnershipOptions {
  readonly groupId: number;
  readonly policy: PodFSGroupChangePolicy | undefined;
  readonly readOnly: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Idempotent: a change that was broken off is found unfinished, because the top folder is changed last. Symbolic links
 * get the group, what they lead to is left alone.
 */
export async function giveToGroup(path: string, options: OwnershipOptions): Promise<void> {
  const { groupId, policy, readOnly } = options;
  if (policy === 'OnRootMismatch' && belongsToGroup(await lstat(path), groupId, readOnly)) return;
  await giveOne(path, options);
}

async function giveOne(path: string, options: OwnershipOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const found = await lstat(path);
  if (found.isDirectory()) {
    for await (const entry of await opendir(path)) await giveOne(join(path, entry.name), options);
  }
  await lchown(path, -1, options.groupId);
  // A link has no mode of its own: chmod would change what it leads to.
  if (found.isSymbolicLink()) return;
  await chmod(path, groupMode(found.mode & 0o7777, found.isDirectory(), options.readOnly));
}
