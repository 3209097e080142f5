/**
 * Whether this node takes a Pod that was bound to it. Pure.
 *
 * The scheduler has decided before, but it may have been wrong, late, or not been asked at all. Reasons and texts are
 * those that Kubernetes' clients and controllers know. The first that holds is told.
 */
import type { Node, Pod } from '../../api/generated/core-v1.js';
import { matchesRequiredNodeAffinity } from '../../api/node-affinity.js';
import { podQosClass, podRequests, toAmounts } from '../../api/pod-helpers.js';
import { findUntoleratedTaint, toleratesTaint } from '../../api/tolerations.js';
import { chooseVictims } from './choose-victims.js';
import type { Shortage } from './choose-victims.js';
import type { EndOrder } from './end-order.js';
import { hostPortsConflict } from './host-ports.js';
import { isCriticalPod, isStaticPod } from './pod-importance.js';
import { forbiddenSysctl } from './sysctls.js';

export interface AdmissionInput {
  readonly pod: Pod;
  /** Those that this node has taken and that are not over. */
  readonly others: readonly Pod[];
  /** As the apiserver has it; undefined while it cannot be asked. */
  readonly node: Node | undefined;
  readonly allocatable: Readonly<Record<string, string>>;
  /** `MemoryPressure`, `DiskPressure`, `PIDPressure`: those that hold now. */
  readonly pressures: readonly string[];
  readonly shuttingDown: boolean;
  readonly appArmor: boolean;
  readonly supplementalGroupsPolicy: boolean;
  readonly allowedUnsafeSysctls: readonly string[];
}

type Rejection = Pick<EndOrder, 'reason' | 'message'>;

export type AdmissionDecision =
  | { readonly kind: 'rejected'; readonly order: EndOrder }
  /** As soon as the victims have ended, who lack the Pod `resource`; mostly there are none. */
  | { readonly kind: 'admitted'; readonly victims: readonly Pod[]; readonly resource: string };

export function admitPod(input: AdmissionInput): AdmissionDecision {
  const checks = [
    checkPressure,
    checkSysctls,
    checkShutdown,
    checkOperatingSystem,
    checkFeatures,
    checkNode,
    checkPorts,
  ];
  for (const check of checks) {
    const rejection = check(input);
    if (rejection !== undefined) return rejected(rejection);
  }
  return decideAmounts(input);
}

function rejected({ reason, message }: Rejection): AdmissionDecision {
  return {
    kind: 'rejected',
    order: { reason, message: `Pod was rejected: ${message}`, isRejection: true },
  };
}

function checkPressure({ pod, pressures }: AdmissionInput): Rejection | undefined {
  if (pressures.length === 0 || isCriticalPod(pod)) return undefined;
  const onlyMemory = pressures.length === 1 && pressures[0] === 'MemoryPressure';
  if (onlyMemory) {
    // Pods with requests keep what they asked for; only those without would make it worse.
    if (podQosClass(pod.spec) !== 'BestEffort') return undefined;
    const taint = { key: 'node.kubernetes.io/memory-pressure', effect: 'NoSchedule' } as const;
    if ((pod.spec.tolerations ?? []).some((toleration) => toleratesTaint(toleration, taint)))
      return undefined;
  }
  return { reason: 'Evicted', message: `The node had condition: [${pressures.join(' ')}]. ` };
}

function checkSysctls({ pod, allowedUnsafeSysctls }: AdmissionInput): Rejection | undefined {
  const forbidden = forbiddenSysctl(pod, allowedUnsafeSysctls);
  return forbidden === undefined ? undefined : { reason: 'SysctlForbidden', message: forbidden };
}

function checkShutdown({ shuttingDown }: AdmissionInput): Rejection | undefined {
  return shuttingDown
    ? { reason: 'NodeShutdown', message: 'Pod was rejected as the node is shutting down.' }
    : undefined;
}

function checkOperatingSystem({ pod }: AdmissionInput): Rejection | undefined {
  const label = pod.metadata.labels?.['kubernetes.io/os'];
  if (label !== undefined && label !== 'linux')
    return {
      reason: 'PodOSSelectorNodeLabelDoesNotMatch',
      message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label",
    };
  if (pod.spec.os !== undefined && pod.spec.os.name !== 'linux')
    return {
      reason: 'PodOSNotSupported',
      message: "Failed to admit pod as the OS field doesn't match node OS",
    };
  return undefined;
}

function checkFeatures({ pod, appArmor, supplementalGroupsPolicy }: AdmissionInput): Rejection | undefined {
  if (pod.spec.securityContext?.supplementalGroupsPolicy === 'Strict' && !supplementalGroupsPolicy)
    return {
      reason: 'SupplementalGroupsPolicyNotSupported',
      message: 'SupplementalGroupsPolicy=Strict is not supported in this node',
    };
  const profiles = [pod.spec, ...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(
    ({ securityContext }) => securityContext?.appArmorProfile,
  );
  const needsAppArmor = profiles.some((profile) => profile !== undefined && profile.type !== 'Unconfined');
  if (needsAppArmor && !appArmor)
    return {
      reason: 'AppArmor',
      message: 'Cannot enforce AppArmor: AppArmor is not enabled on the host',
    };
  return undefined;
}

function checkNode({ pod, node }: AdmissionInput): Rejection | undefined {
  if (node === undefined) return undefined;
  if (!matchesRequiredNodeAffinity(pod.spec, node))
    return failedPredicate('NodeAffinity', "node(s) didn't match Pod's node affinity/selector");
  const taints = (node.spec.taints ?? []).filter(({ effect }) => effect === 'NoExecute');
  if (
    !isStaticPod(pod) &&
    findUntoleratedTaint(taints, pod.spec.tolerations ?? [], ['NoExecute']) !== undefined
  )
    return failedPredicate('TaintToleration', 'node(s) had untolerated taint(s)');
  return undefined;
}

function checkPorts({ pod, others }: AdmissionInput): Rejection | undefined {
  return hostPortsConflict(pod, others)
    ? failedPredicate('NodePorts', "node(s) didn't have free ports for the requested pod ports")
    : undefined;
}

function failedPredicate(name: string, why: string): Rejection {
  return { reason: name, message: `Predicate ${name} failed: ${why}` };
}

/** For a critical Pod room is made. */
function decideAmounts({ pod, others, allocatable }: AdmissionInput): AdmissionDecision {
  const shortages = findShortages(pod, others, allocatable);
  const [first] = shortages;
  if (first === undefined) return { kind: 'admitted', victims: [], resource: '' };
  const { resource, message } = first;
  if (!isCriticalPod(pod)) return rejected({ reason: `OutOf${resource}`, message });
  const victims = chooseVictims(pod, others, shortages);
  if (victims !== undefined) return { kind: 'admitted', victims, resource };
  const missing = shortages
    .map((shortage) => `(res: ${shortage.resource}, q: ${shortage.missing}), `)
    .join('');
  return rejected({
    reason: 'UnexpectedAdmissionError',
    message:
      'Unexpected error while attempting to recover from admission failure: preemption: error finding a set of pods ' +
      `to preempt: no set of running pods found to reclaim resources: [${missing}]`,
  });
}

/** The first of {@link findShortages}; of those that `asked` says yes to. */
export function findShortage(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
  asked: (resource: string) => boolean = () => true,
): (Shortage & { readonly message: string }) | undefined {
  return findShortages(pod, others, allocatable).find(({ resource }) => asked(resource));
}

/** The resources of which the others have left too little. Those that the node does not know are others' to count. */
function findShortages(
  pod: Pod,
  others: readonly Pod[],
  allocatable: Readonly<Record<string, string>>,
): readonly (Shortage & { readonly message: string })[] {
  const { pods: slots = '0', ...amounts } = allocatable;
  const has = toAmounts(amounts);
  const wanted = podRequests(pod);
  const used = others.map(podRequests);
  const rows: [string, number, number[], number][] = [
    ['pods', 1, used.map(() => 1), Number(slots)],
    ['cpu', wanted.cpuMillicores, used.map((one) => one.cpuMillicores), has.cpuMillicores],
    ['memory', wanted.memoryBytes, used.map((one) => one.memoryBytes), has.memoryBytes],
    [
      'ephemeral-storage',
      wanted.ephemeralStorageBytes,
      used.map((one) => one.ephemeralStorageBytes),
      has.ephemeralStorageBytes,
    ],
    ...Object.entries(has.others).map(([name, capacity]): [string, number, number[], number] => [
      name,
      wanted.others[name] ?? 0,
      used.map((one) => one.others[name] ?? 0),
      capacity,
    ]),
  ];
  return rows.flatMap(([resource, requested, usedBy, capacity]) => {
    const total = usedBy.reduce((sum, one) => sum + one, 0);
    const missing = requested + total - capacity;
    if (requested === 0 || missing <= 0) return [];
    const message = `Node didn't have enough resource: ${resource}, requested: ${requested}, used: ${total}, capacity: ${capacity}`;
    return [{ resource, missing, message }];
  });
}
