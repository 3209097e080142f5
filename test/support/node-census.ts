/** Everything that pods put on a node, counted, so that what is left of them can be named. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { findOwnShims } from '../../cli/down/own-shims.js';
import { defaultSettings, podCgroupRoot } from '../../cli/layout.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import type { TestCluster } from './cluster.js';

/** Numbers by what they are of. What pods put there is back at what it was when they are gone. */
export type NodeCensus = Readonly<Record<(typeof counted)[number], number>>;

export const counted = [
  'sandboxes',
  'containers',
  'shim processes',
  'mounts',
  'network devices',
  'network namespaces',
  'addresses',
  'cgroups',
  'folders of pods',
  'folders of logs',
] as const;

/** Counts what is on the node now. */
export async function takeCensus(cluster: TestCluster): Promise<NodeCensus> {
  const runtime = new GrpcRuntime(`unix://${cluster.containerdSocket}`);
  try {
    const [sandboxes, containers] = [await runtime.listPodSandboxes(), await runtime.listContainers()];
    const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
    return {
      sandboxes: sandboxes.length,
      containers: containers.length,
      'shim processes': findOwnShims(cluster.containerdSocket).length,
      mounts: mounts.filter((line) => line.includes(` ${cluster.folder}/`)).length,
      'network devices': entries(`/sys/class/net/${defaultSettings.bridge}/brif`).length,
      'network namespaces': mounts.filter((line) => / \/(var\/)?run\/netns\/cni-/.test(line)).length,
      addresses: files(join(cluster.folder, 'data', 'cni', 'state')),
      cgroups: ['.', ...folders('/sys/fs/cgroup')]
        .map((hierarchy) => foldersBelow(join('/sys/fs/cgroup', hierarchy, podCgroupRoot)))
        .reduce((sum, count) => sum + count, 0),
      'folders of pods': entries(join(cluster.folder, 'data', 'kubelet', 'pods')).length,
      'folders of logs': entries(join(cluster.folder, 'log', 'pods')).length,
    };
  } finally {
    runtime.close();
  }
}

/** What there is more of than before, as sentences. */
export function leftBehind(before: NodeCensus, after: NodeCensus): string[] {
  return counted
    .filter((what) => after[what] > before[what])
    .map((what) => `${after[what] - before[what]} ${what} (${before[what]} before, ${after[what]} now)`);
}

/** Open file descriptors of a process. */
export function openFiles(pid: number): number {
  return entries(`/proc/${pid}/fd`).length;
}

function entries(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

function folders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Pods come and go meanwhile, so that a folder may vanish while it is read. */
function foldersBelow(folder: string): number {
  try {
    return folders(folder).reduce((sum, name) => sum + 1 + foldersBelow(join(folder, name)), 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

function files(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
    .length;
}
