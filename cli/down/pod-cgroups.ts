/** The cgroups of pods that have ended. Those of another Knarr that runs hold processes and are left. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { podCgroupRoot } from '../layout.js';

/** The top folders of pods, in each hierarchy, below which no process is. */
export function findPodCgroups(mountPoint = '/sys/fs/cgroup'): string[] {
  if (!existsSync(mountPoint)) return [];
  return ['.', ...childFolders(mountPoint)]
    .map((hierarchy) => join(mountPoint, hierarchy, podCgroupRoot))
    .filter((folder) => existsSync(folder) && !holdsProcesses(folder));
}

/** Cgroup files cannot be deleted: folders are removed from the leaves up. */
export async function removeCgroup(folder: string): Promise<void> {
  for (const child of childFolders(folder)) await removeCgroup(join(folder, child));
  await rmdir(folder);
}

function holdsProcesses(folder: string): boolean {
  if (readFileSync(join(folder, 'cgroup.procs'), 'utf8').trim() !== '') return true;
  return childFolders(folder).some((child) => holdsProcesses(join(folder, child)));
}

function childFolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}
