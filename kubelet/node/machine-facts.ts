/** What this machine is and has, read from the kernel. */
import { readFile, statfs } from 'node:fs/promises';
import { arch, availableParallelism, release } from 'node:os';
import type { NodeSystemInfo } from '../../api/generated/core-v1.js';

/** The version that the node reports: the API level that Knarr speaks, and who speaks it. */
export const kubeletVersion = 'v1.35.0-knarr';

export interface MachineFacts {
  readonly cpuCount: number;
  readonly memoryBytes: number;
  /** Of the filesystem that holds the kubelet's folder. */
  readonly storageBytes: number;
  readonly architecture: string;
  readonly info: Omit<NodeSystemInfo, 'containerRuntimeVersion'>;
}

/** Names of processor architectures as Go and container images write them. */
const architectures: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

export async function readMachineFacts(rootDir: string): Promise<MachineFacts> {
  const [memory, machineId, systemUuid, bootId, osRelease, storage] = await Promise.all([
    readMemory(),
    readFirst(['/etc/machine-id', '/var/lib/dbus/machine-id']),
    readFirst(['/sys/class/dmi/id/product_uuid', '/etc/machine-id']),
    readFirst(['/proc/sys/kernel/random/boot_id']),
    readFirst(['/etc/os-release', '/usr/lib/os-release']),
    statfs(rootDir),
  ]);
  const architecture = architectures[arch()] ?? arch();
  return {
    cpuCount: availableParallelism(),
    memoryBytes: memory.totalBytes,
    storageBytes: storage.blocks * storage.bsize,
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

export interface Pressure {
  readonly memoryAvailableBytes: number;
  readonly storageAvailableBytes: number;
  readonly storageBytes: number;
  readonly processes: number;
  readonly maxProcesses: number;
}

export async function readPressure(rootDir: string): Promise<Pressure> {
  const [memory, storage, load, maxPid] = await Promise.all([
    readMemory(),
    statfs(rootDir),
    readFile('/proc/loadavg', 'utf8'),
    readFile('/proc/sys/kernel/pid_max', 'utf8'),
  ]);
  return {
    memoryAvailableBytes: memory.availableBytes,
    storageAvailableBytes: storage.bavail * storage.bsize,
    storageBytes: storage.blocks * storage.bsize,
    processes: Number(/\/(\d+) /.exec(load)?.[1] ?? 0),
    maxProcesses: Number(maxPid.trim()),
  };
}

async function readMemory(): Promise<{ totalBytes: number; availableBytes: number }> {
  const text = await readFile('/proc/meminfo', 'utf8');
  const kibibytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1] ?? 0);
  return { totalBytes: kibibytes('MemTotal') * 1024, availableBytes: kibibytes('MemAvailable') * 1024 };
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
