/** What this machine is and has, read from the kernel. */
import { readFile, readdir, statfs } from 'node:fs/promises';
import { arch, availableParallelism, release } from 'node:os';
import { join } from 'node:path';
import type { NodeSystemInfo } from '../../api/generated/core-v1.js';

/** The version that the node reports: the API level that Knarr speaks, and who speaks it. */
export const kubeletVersion = 'v1.35.0-knarr';

export interface MachineFacts {
  readonly cpuCount: number;
  readonly memoryBytes: number;
  /** Of the filesystem that holds the kubelet's folder. */
  readonly storageBytes: number;
  /** Pools of huge pages that the kernel keeps, also empty ones. */
  readonly hugepages: readonly { readonly sizeBytes: number; readonly count: number }[];
  readonly maxProcesses: number;
  /** The kernel has AppArmor, and it is on. */
  readonly appArmor: boolean;
  readonly architecture: string;
  readonly info: Omit<NodeSystemInfo, 'containerRuntimeVersion'>;
}

/** Names of processor architectures as Go and container images write them. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export async function readMachineFacts(rootDir: string): Promise<MachineFacts> {
  const [memory, machineId, systemUuid, bootId, osRelease, storage, hugepages, maxProcesses, appArmor] =
    await Promise.all([
      readMemory(),
      readFirst(['/etc/machine-id', '/var/lib/dbus/machine-id']),
      readFirst(['/sys/class/dmi/id/product_uuid', '/etc/machine-id']),
      readFirst(['/proc/sys/kernel/random/boot_id']),
      readFirst(['/etc/os-release', '/usr/lib/os-release']),
      statfs(rootDir),
      readHugepages('/sys/kernel/mm/hugepages'),
      readMaxProcesses(),
      readFirst(['/sys/module/apparmor/parameters/enabled']),
    ]);
  const architecture = architectures[arch()] ?? arch();
  return {
    cpuCount: availableParallelism(),
    memoryBytes: memory.totalBytes,
    storageBytes: storage.blocks * storage.bsize,
    hugepages,
    maxProcesses,
    appArmor: appArmor.startsWith('Y'),
    architecture,
    info: {
      machineID: machineId,
      systemUUID: systemUuid,
      bootID: bootId,
      kernelVersion: release(),
      osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(osRelease)?.[1] ?? 'Linux',
      kubeletVersion,
      kubeProxyVersion: '',
      operatingSystem: 'linux',
      architecture,
    },
  };
}

/** What is in use on this machine now, whoever uses it. */
export interface MachineUsage {
  readonly memoryBytes: number;
  /** Free, or held by files that nobody has used for a while: what Kubernetes counts as available. */
  readonly memoryAvailableBytes: number;
  readonly processes: number;
  readonly maxProcesses: number;
}

export async function readMachineUsage(): Promise<MachineUsage> {
  const [memory, load, maxProcesses] = await Promise.all([
    readMemory(),
    readFile('/proc/loadavg', 'utf8'),
    readMaxProcesses(),
  ]);
  return {
    memoryBytes: memory.totalBytes,
    memoryAvailableBytes: memory.availableBytes,
    processes: Number(/\/(\d+) /.exec(load)?.[1] ?? 0),
    maxProcesses,
  };
}

/** The kernel ends with whichever comes first: numbers for processes, or threads. */
async function readMaxProcesses(): Promise<number> {
  const [pids, threads] = await Promise.all(
    ['pid_max', 'threads-max'].map((name) => readFile(`/proc/sys/kernel/${name}`, 'utf8')),
  );
  return Math.min(Number(pids), Number(threads));
}

/** By size; a kernel without huge pages has no such folder. */
async function readHugepages(folder: string): Promise<MachineFacts['hugepages']> {
  const pools = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  const read = pools.map(async (pool) => ({
    sizeBytes: Number(/^hugepages-(\d+)kB$/.exec(pool)?.[1] ?? 0) * 1024,
    count: Number(await readFile(join(folder, pool, 'nr_hugepages'), 'utf8')),
  }));
  return (await Promise.all(read)).sort((a, b) => b.sizeBytes - a.sizeBytes);
}

async function readMemory(): Promise<{ totalBytes: number; availableBytes: number }> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  const available = kibibytes('MemFree') + kibibytes('Inactive\\(file\\)');
  return { totalBytes: kibibytes('MemTotal') * 1024, availableBytes: available * 1024 };
}

/** The first of these files that can be read, trimmed; '' where none can. */
async function readFirst(paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    try {
      return (await readFile(path, 'utf8')).trim();
    } catch {
      // Not every machine has each of them; the next one is as good.
    }
  }
  return '';
}
