/** What the kernel counts of the network devices of a Pod, or of the node. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readCgroupFile } from '../containers/read-cgroup-file.js';

/** Since the device was made. */
export interface InterfaceStats {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** Of `/proc/<pid>/net/dev`; what a host says to itself is left out. Pure. */
export function parseNetworkDevices(text: string): readonly InterfaceStats[] {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*([^\s:]+):\s*(.*)$/.exec(line);
    const name = found?.[1] ?? 'lo';
    if (name === 'lo') return [];
    const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0, , , , , ...sent] = (found?.[2] ?? '')
      .split(/\s+/)
      .map(Number);
    const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = sent;
    return [{ name, rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped }];
  });
}

export async function readNodeNetwork(): Promise<readonly InterfaceStats[]> {
  return parseNetworkDevices(await readFile('/proc/self/net/dev', 'utf8'));
}

/** As a process of this cgroup sees it; undefined when there is no process. */
export async function readCgroupNetwork(
  version: 1 | 2,
  path: string,
  mountPoint = '/sys/fs/cgroup',
): Promise<readonly InterfaceStats[] | undefined> {
  const folder = version === 2 ? mountPoint : join(mountPoint, 'memory');
  const processes = await readCgroupFile(join(folder, path, 'cgroup.procs'));
  const pid = processes?.split('\n')[0] ?? '';
  if (pid === '') return undefined;
  try {
    return parseNetworkDevices(await readFile(`/proc/${pid}/net/dev`, 'utf8'));
  } catch (error) {
    // It has ended since: the next measurement finds another one, or none. ESRCH and EINVAL come while it ends.
    if (['ENOENT', 'ESRCH', 'EINVAL'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}
