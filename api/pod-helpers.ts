/** What everybody asks of a Pod: is it ready, has it ended, what does it request. */
import type { Container, Pod, PodCondition, PodSpec } from './generated/core-v1.js';
import { compareQuantities, cpuMillicores, quantityBytes } from './quantity.js';

/** A condition by type from any object's `status.conditions`. */
export function findCondition<C extends { type: string }>(
  conditions: readonly C[] | undefined,
  type: string,
): C | undefined {
  return conditions?.find((condition) => condition.type === type);
}

/** The fields that conditions of all kinds share. */
interface ConditionLike {
  type: string;
  status: string;
  lastTransitionTime?: string;
  reason?: string;
  message?: string;
}

/**
 * The conditions with this one set; `lastTransitionTime` moves to `now` (RFC 3339) only when the status changes. Returns
 * the same array when nothing changes at all, so that a caller can skip the write.
 */
export function withCondition<C extends ConditionLike>(
  conditions: readonly C[] | undefined,
  condition: C,
  now: string,
): readonly C[] {
  const before = findCondition(conditions, condition.type);
  if (conditions === undefined || before === undefined)
    return [...(conditions ?? []), { ...condition, lastTransitionTime: now }];
  const transitioned = before.status !== condition.status;
  const after: C = {
    ...before,
    ...condition,
    ...(transitioned ? { lastTransitionTime: now } : { lastTransitionTime: before.lastTransitionTime }),
  };
  const changed = Object.entries(after).some(([key, value]) => before[key as keyof C] !== value);
  return changed ? conditions.map((one) => (one === before ? after : one)) : conditions;
}

/** A Pod with its condition of type Ready true. */
export function isPodReady(pod: Pod): boolean {
  return podCondition(pod, 'Ready')?.status === 'True';
}

export function podCondition(pod: Pod, type: string): PodCondition | undefined {
  return findCondition(pod.status.conditions, type);
}

/** Ready for at least `minReadySeconds`. `nowMs` is in milliseconds since the epoch. */
export function isPodAvailable(pod: Pod, minReadySeconds: number, nowMs: number): boolean {
  const ready = podCondition(pod, 'Ready');
  if (ready?.status !== 'True') return false;
  if (minReadySeconds === 0) return true;
  const since = Date.parse(ready.lastTransitionTime ?? '');
  return !Number.isNaN(since) && since + minReadySeconds * 1000 <= nowMs;
}

/** All containers have ended and none will be started again. */
export function isPodTerminal(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** Neither ended nor being deleted: what a controller counts as one of its replicas. */
export function isPodActive(pod: Pod): boolean {
  return !isPodTerminal(pod) && pod.metadata.deletionTimestamp === undefined;
}

/** A restartable init container: it starts with the others and runs beside the Pod's containers. */
export function isSidecar(container: Container): boolean {
  return container.restartPolicy === 'Always';
}

/** From here on a Pod is critical for the cluster or the node: the priority of the two classes `system-…-critical`. */
export const criticalPriority = 2_000_000_000;

export function isCriticalPriority(priority = 0): boolean {
  return priority >= criticalPriority;
}

export interface ResourceAmounts {
  cpuMillicores: number;
  memoryBytes: number;
  ephemeralStorageBytes: number;
  /** Everything else, hugepages and extended resources, in its own unit. */
  others: Record<string, number>;
}

/**
 * What a Pod needs of a node: the sum of its containers and sidecars, or the greatest moment of its init containers
 * (each together with the sidecars started before it) where that is more, plus its overhead. Requests set for the Pod as
 * a whole win over the sum.
 */
export function podRequests(pod: { readonly spec: PodSpec }): ResourceAmounts {
  return podAmounts(pod.spec, 'requests');
}

/**
 * What a node must keep free for a Pod that runs there, also while its size changes: of each container the greatest of
 * what it asks for, what it was promised and what it has. What the node has said it can never grant does not count.
 */
export function accountedRequests(pod: Pod): ResourceAmounts {
  const statuses = [...(pod.status.initContainerStatuses ?? []), ...(pod.status.containerStatuses ?? [])];
  if (statuses.length === 0) return podRequests(pod);
  const isInfeasible = podCondition(pod, 'PodResizePending')?.reason === 'Infeasible';
  return podAmounts(pod.spec, 'requests', (container) => {
    const wanted = containerAmounts(container, 'requests');
    const status = statuses.find(({ name }) => name === container.name);
    if (status?.resources === undefined) return wanted;
    const amounts = toAmounts(status.resources.requests ?? {});
    raise(amounts, toAmounts(status.allocatedResources ?? {}));
    if (!isInfeasible) raise(amounts, wanted);
    return amounts;
  });
}

/** The same sum over limits; a resource without a limit in some container counts only the others. */
export function podLimits(pod: { readonly spec: PodSpec }): ResourceAmounts {
  return podAmounts(pod.spec, 'limits');
}

function podAmounts(
  spec: PodSpec,
  which: 'requests' | 'limits',
  amountsOf = (container: Container): ResourceAmounts => containerAmounts(container, which),
): ResourceAmounts {
  const running = emptyAmounts();
  for (const container of spec.containers) add(running, amountsOf(container));
  const sidecars = emptyAmounts();
  const initPeak = emptyAmounts();
  for (const container of spec.initContainers ?? []) {
    const own = amountsOf(container);
    if (isSidecar(container)) {
      add(running, own);
      add(sidecars, own);
      raise(initPeak, sidecars);
    } else {
      add(own, sidecars);
      raise(initPeak, own);
    }
  }
  raise(running, initPeak);
  const whole = spec.resources?.[which];
  if (whole !== undefined) override(running, toAmounts(whole));
  if (spec.overhead !== undefined) addOverhead(running, toAmounts(spec.overhead), which);
  return running;
}

function containerAmounts(container: Container, which: 'requests' | 'limits'): ResourceAmounts {
  return toAmounts(container.resources?.[which] ?? {});
}

export function emptyAmounts(): ResourceAmounts {
  return { cpuMillicores: 0, memoryBytes: 0, ephemeralStorageBytes: 0, others: {} };
}

/** A resource list (`{ cpu: '100m', memory: '1Gi' }`) as numbers. */
export function toAmounts(list: Readonly<Record<string, string>>): ResourceAmounts {
  const amounts = emptyAmounts();
  for (const [name, quantity] of Object.entries(list)) {
    if (name === 'cpu') amounts.cpuMillicores = cpuMillicores(quantity);
    else if (name === 'memory') amounts.memoryBytes = quantityBytes(quantity);
    else if (name === 'ephemeral-storage') amounts.ephemeralStorageBytes = quantityBytes(quantity);
    else amounts.others[name] = quantityBytes(quantity);
  }
  return amounts;
}

function combine(
  target: ResourceAmounts,
  source: ResourceAmounts,
  merge: (a: number, b: number) => number,
): void {
  target.cpuMillicores = merge(target.cpuMillicores, source.cpuMillicores);
  target.memoryBytes = merge(target.memoryBytes, source.memoryBytes);
  target.ephemeralStorageBytes = merge(target.ephemeralStorageBytes, source.ephemeralStorageBytes);
  for (const [name, amount] of Object.entries(source.others))
    target.others[name] = merge(target.others[name] ?? 0, amount);
}

function add(target: ResourceAmounts, source: ResourceAmounts): void {
  combine(target, source, (a, b) => a + b);
}

function raise(target: ResourceAmounts, source: ResourceAmounts): void {
  combine(target, source, Math.max);
}

function override(target: ResourceAmounts, source: ResourceAmounts): void {
  combine(target, source, (a, b) => (b > 0 ? b : a));
}

/** Overhead raises requests always, limits only where there is one: no limit stays no limit. */
function addOverhead(target: ResourceAmounts, overhead: ResourceAmounts, which: 'requests' | 'limits'): void {
  combine(target, overhead, (a, b) => (which === 'limits' && a === 0 ? 0 : a + b));
}

/**
 * Guaranteed, Burstable or BestEffort, from requests and limits of cpu and memory: those of the Pod as a whole where it
 * has any, else those of all containers.
 */
export function podQosClass(spec: PodSpec): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  let anything = false;
  let guaranteed = true;
  const { requests, limits } = spec.resources ?? {};
  const isWhole = Object.keys({ ...requests, ...limits }).length > 0;
  const holders = isWhole ? [spec] : [...(spec.initContainers ?? []), ...spec.containers];
  for (const { resources } of holders) {
    for (const name of ['cpu', 'memory']) {
      const limit = resources?.limits?.[name] ?? '0';
      const request = resources?.requests?.[name] ?? limit;
      if (isPositive(request) || isPositive(limit)) anything = true;
      if (!isPositive(limit) || compareQuantities(request, limit) !== 0) guaranteed = false;
    }
  }
  if (!anything) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

function isPositive(quantity: string): boolean {
  return compareQuantities(quantity, '0') > 0;
}
