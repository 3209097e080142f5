/** Whether this machine is one that the configuration lets the kubelet run on. */
import { readFile } from 'node:fs/promises';
import { UsageError } from '../../common/usage-error.js';
import type { KubeletConfiguration } from './kubelet-configuration.js';

/** Throws UsageError: what of the machine is not wanted, and which key would allow it. */
export async function checkMachine(
  { failCgroupV1, failSwapOn }: KubeletConfiguration,
  cgroupVersion: 1 | 2,
  swapsFile = '/proc/swaps',
): Promise<void> {
  if (failCgroupV1 && cgroupVersion === 1)
    throw new UsageError('this machine has cgroup v1: boot it with v2, or set failCgroupV1: false');
  if (!failSwapOn) return;
  const [, ...areas] = (await readFile(swapsFile, 'utf8')).trim().split('\n');
  if (areas.length > 0)
    throw new UsageError('swap is on: switch it off with `swapoff -a`, or set failSwapOn: false');
}
