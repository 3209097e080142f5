/** Keys of cgroups, of what the node keeps for itself, and of eviction under pressure. */
import {
  boolean,
  choice,
  duration,
  fail,
  integer,
  list,
  map,
  noEffect,
  opaque,
  optionalBoolean,
  path,
  readQuantity,
  readText,
  refused,
  text,
} from '../field.js';
import { formatDuration, parseDurationMs } from '../../../common/duration.js';
import { quantityFromBytes } from '../../../api/quantity.js';

export const evictionSignals = [
  'memory.available',
  'nodefs.available',
  'nodefs.inodesFree',
  'imagefs.available',
  'imagefs.inodesFree',
  'containerfs.available',
  'containerfs.inodesFree',
  'pid.available',
] as const;
export type EvictionSignal = (typeof evictionSignals)[number];

/** An amount that is left, or a part of what there is in all. */
export type Threshold =
  | { readonly kind: 'quantity'; readonly amount: number }
  | { readonly kind: 'percentage'; readonly percent: number };

function checkSignal(name: string, where: string): void {
  if (!(evictionSignals as readonly string[]).includes(name))
    fail(where, name, `a signal: ${evictionSignals.join(', ')}`);
}

const threshold = {
  type: 'signal to quantity or percentage',
  read: (value: unknown, where: string, name: string): Threshold => {
    checkSignal(name, where);
    const percent = typeof value === 'string' ? /^(\d+(?:\.\d+)?)%$/.exec(value)?.[1] : undefined;
    if (percent === undefined) return { kind: 'quantity', amount: readQuantity(value, where) };
    return Number(percent) <= 100
      ? { kind: 'percentage', percent: Number(percent) }
      : fail(where, value, 'at most 100%');
  },
  write: (value: Threshold) =>
    value.kind === 'percentage' ? `${String(value.percent)}%` : quantityFromBytes(value.amount),
};

const grace = {
  type: 'signal to duration',
  unit: 'Ms' as const,
  read: (value: unknown, where: string, name: string): number => {
    checkSignal(name, where);
    return parseDurationMs(readText(value, where)) ?? fail(where, value, 'a duration such as 1m30s');
  },
  write: formatDuration,
};

const reservable = ['cpu', 'memory', 'ephemeral-storage', 'pid'];

const reservation = {
  type: 'resource to quantity',
  read: (value: unknown, where: string, name: string): string => {
    if (!reservable.includes(name))
      return fail(where, name, `a resource that can be kept: ${reservable.join(', ')}`);
    readQuantity(value, where);
    return String(value);
  },
};

const noManagers = refused('CPUs and memory are not pinned to containers');

export const resourceKeys = {
  cgroupRoot: path('/kubepods', {
    about: 'The cgroup below which pods have theirs. Kubernetes: its parent.',
    flag: 'cgroup-root',
  }),
  cgroupDriver: choice('cgroupfs', ['cgroupfs', 'systemd'], {
    about: 'Who makes cgroups.',
    flag: 'cgroup-driver',
    support: refused('cgroups are made as folders: set cgroupfs here and in the runtime'),
  }),
  cgroupsPerQOS: boolean(true, {
    about: 'Burstable and BestEffort pods have a cgroup for each class.',
    flag: 'cgroups-per-qos',
    support: refused('pods are always below the cgroup of their class'),
  }),
  kubeletCgroups: text('', {
    about: 'The cgroup of the kubelet.',
    flag: 'kubelet-cgroups',
    support: refused('the supervisor starts the kubelet'),
  }),
  systemCgroups: text('', {
    about: 'The cgroup of all other processes.',
    flag: 'system-cgroups',
    support: refused('processes of the machine are not moved'),
  }),
  cpuCFSQuota: boolean(true, {
    about: 'CPU limits are enforced.',
    flag: 'cpu-cfs-quota',
  }),
  cpuCFSQuotaPeriod: duration('100ms', {
    about: 'The period of the CPU quota.',
    flag: 'cpu-cfs-quota-period',
    minMs: 1,
    maxMs: 1000,
  }),
  singleProcessOOMKill: optionalBoolean({
    about:
      'Out of memory, one process of a container is killed, not all of them. Default: true on cgroup v1, false on v2.',
  }),
  memorySwap: opaque('`swapBehavior`', {
    about: 'Whether containers may swap.',
    support: refused('containers do not get swap'),
  }),
  cpuManagerPolicy: choice('none', ['none', 'static'], {
    about: 'Whether Guaranteed containers get CPUs of their own.',
    flag: 'cpu-manager-policy',
    support: noManagers,
  }),
  cpuManagerPolicyOptions: map(
    {},
    { type: 'texts', read: readText },
    {
      about: 'Options of that policy.',
      flag: 'cpu-manager-policy-options',
      support: noManagers,
    },
  ),
  cpuManagerReconcilePeriod: duration('10s', {
    about: 'How often its result is checked.',
    flag: 'cpu-manager-reconcile-period',
    support: noEffect('there is no CPU manager'),
  }),
  memoryManagerPolicy: choice('None', ['None', 'Static'], {
    about: 'Whether Guaranteed pods get memory of certain NUMA nodes.',
    flag: 'memory-manager-policy',
    support: noManagers,
  }),
  reservedMemory: list(
    [],
    { type: '`numaNode` and `limits`', read: (value: unknown) => value },
    {
      about: 'Memory of NUMA nodes that is kept.',
      support: noManagers,
    },
  ),
  topologyManagerPolicy: choice('none', ['none', 'best-effort', 'restricted', 'single-numa-node'], {
    about: 'How CPUs and devices are brought to one NUMA node.',
    flag: 'topology-manager-policy',
    support: noManagers,
  }),
  topologyManagerScope: choice('container', ['container', 'pod'], {
    about: 'For what that holds.',
    flag: 'topology-manager-scope',
    support: noManagers,
  }),
  topologyManagerPolicyOptions: map(
    {},
    { type: 'texts', read: readText },
    {
      about: 'Options of that policy.',
      flag: 'topology-manager-policy-options',
      support: noManagers,
    },
  ),
  qosReserved: map(
    {},
    { type: 'texts', read: readText },
    {
      about: 'Percent of a resource that is kept for Guaranteed pods.',
      flag: 'qos-reserved',
      support: refused('an alpha feature that is not there'),
    },
  ),
  systemReserved: map({}, reservation, {
    about: 'What is kept for processes of the machine: cpu, memory, ephemeral-storage, pid.',
    flag: 'system-reserved',
  }),
  kubeReserved: map({}, reservation, {
    about: 'What is kept for the processes of Kubernetes: cpu, memory, ephemeral-storage, pid.',
    flag: 'kube-reserved',
  }),
  reservedSystemCPUs: text('', {
    about: 'CPUs that are kept for the machine.',
    flag: 'reserved-cpus',
    support: noManagers,
  }),
  systemReservedCgroup: text('', {
    about: 'The cgroup in which systemReserved is enforced.',
    flag: 'system-reserved-cgroup',
  }),
  kubeReservedCgroup: text('', {
    about: 'The cgroup in which kubeReserved is enforced.',
    flag: 'kube-reserved-cgroup',
  }),
  enforceNodeAllocatable: list(
    ['pods'],
    {
      type: '`none`, `pods`, `system-reserved`, `kube-reserved`, the last two also with `-compressible`',
      read: (value: unknown, where: string): string => {
        const all = ['none', 'pods', 'system-reserved', 'kube-reserved'];
        const known = [...all, 'system-reserved-compressible', 'kube-reserved-compressible'];
        const name = readText(value, where);
        return known.includes(name) ? name : fail(where, value, `one of ${known.join(', ')}`);
      },
    },
    {
      about: 'Whose share of the node a cgroup enforces.',
      flag: 'enforce-node-allocatable',
    },
  ),
  kernelMemcgNotification: boolean(false, {
    about: 'Let the kernel tell of memory pressure.',
    flag: 'kernel-memcg-notification',
    support: noEffect('memory is looked at in an interval'),
  }),
  evictionHard: map(
    {
      'memory.available': '100Mi',
      'nodefs.available': '10%',
      'nodefs.inodesFree': '5%',
      'imagefs.available': '15%',
    },
    threshold,
    {
      about:
        'Pods are evicted at once when less is left. Setting one switches the others off, see mergeDefaultEvictionSettings.',
      flag: 'eviction-hard',
      separator: '<',
    },
  ),
  evictionSoft: map({}, threshold, {
    about: 'Pods are evicted when less is left for longer than their grace.',
    flag: 'eviction-soft',
    separator: '<',
  }),
  evictionSoftGracePeriod: map({}, grace, {
    about: 'The grace of each soft threshold.',
    flag: 'eviction-soft-grace-period',
  }),
  evictionMinimumReclaim: map({}, threshold, {
    about: 'What an eviction must win back at least beyond the threshold.',
    flag: 'eviction-minimum-reclaim',
  }),
  evictionPressureTransitionPeriod: duration('5m', {
    about: 'How long a node shows pressure after it has ended.',
    flag: 'eviction-pressure-transition-period',
  }),
  evictionMaxPodGracePeriod: integer(
    0,
    { min: 0 },
    {
      about: 'The longest grace of a pod that a soft threshold evicts; seconds.',
      flag: 'eviction-max-pod-grace-period',
    },
  ),
  mergeDefaultEvictionSettings: boolean(false, {
    about: 'Signals that evictionHard does not name keep their defaults.',
  }),
};
