/** What the configuration says of cgroups, for this machine; and the cgroups that hold all Pods and the node's own processes. */
import { UsageError } from '../../common/usage-error.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { MachineFacts } from '../node/machine-facts.js';
import { allPodsLimits, reservedLimits } from '../node/node-resources.js';
import { cgroupFiles } from './cgroup-files.js';
import type { CgroupManager } from './cgroups.js';
import type { ResourcePolicy } from './resources.js';

/** Throws UsageError when this machine cannot keep what the configuration asks for. */
export function resourcePolicyOf(
  configuration: KubeletConfiguration,
  machine: Pick<MachineFacts, 'hugepages' | 'memoryBytes'>,
  cgroups: Pick<CgroupManager, 'version' | 'has'>,
): ResourcePolicy {
  const { cpuCFSQuota, cpuCFSQuotaPeriodMs, podPidsLimit, singleProcessOOMKill } = configuration;
  const { version } = cgroups;
  if (podPidsLimit > 0 && !cgroups.has('pids'))
    throw new UsageError('podPidsLimit: this machine has no cgroup controller `pids`; set it to -1');
  if (version === 1 && singleProcessOOMKill === false)
    throw new UsageError('singleProcessOOMKill: cgroup v1 kills single processes only; leave it out');
  return {
    enforceCpuLimits: cpuCFSQuota,
    cpuPeriodMicroseconds: cpuCFSQuotaPeriodMs * 1000,
    podPidsLimit: Math.max(0, podPidsLimit),
    singleProcessOomKill: singleProcessOOMKill ?? version === 1,
    hugepageSizes: cgroups.has('hugetlb') ? machine.hugepages.map(({ sizeBytes }) => sizeBytes) : [],
    cgroupVersion: version,
    memoryBytes: machine.memoryBytes,
  };
}

/**
 * Makes the cgroup of all Pods, and enforces what is kept for others where `enforceNodeAllocatable` says so. Throws
 * UsageError when a cgroup that the configuration names is not there. Idempotent.
 */
export async function prepareCgroups(
  configuration: KubeletConfiguration,
  machine: MachineFacts,
  cgroups: CgroupManager,
): Promise<void> {
  const { enforceNodeAllocatable: enforced } = configuration;
  const { maxProcesses } = machine;
  const enforce = enforced.includes('pods');
  await cgroups.ensureRoot(allPodsLimits({ machine, configuration }, { enforce, maxProcesses }));
  for (const [name, key] of [
    ['kube-reserved', 'kubeReserved'],
    ['system-reserved', 'systemReserved'],
  ] as const) {
    const isWhole = enforced.includes(name);
    if (!isWhole && !enforced.includes(`${name}-compressible`)) continue;
    const path = configuration[`${key}Cgroup`];
    const files = cgroupFiles(cgroups.version, reservedLimits(configuration[key])).filter(
      ({ controller }) => controller === 'cpu' || isWhole,
    );
    try {
      await cgroups.limitForeign(path, files);
    } catch (error) {
      throw new UsageError(
        `${key}Cgroup: ${name} cannot be enforced in the cgroup ${JSON.stringify(path)}: ${String(error)}`,
      );
    }
  }
}
