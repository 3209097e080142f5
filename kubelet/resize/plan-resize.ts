/**
 * In which order the cgroups of a Pod and of its containers change. Pure.
 *
 * No container may ever have more than its Pod: the kernel refuses it (a quota of CPU in cgroup v1), or it would mean
 * nothing. So the Pod's limits are first raised to the greater of old and new, then the containers follow, those that
 * give memory back first, and last the Pod comes down to what is new.
 */
import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.js';
import { quantityBytes } from '../../api/quantity.js';
import type { CgroupLimits } from '../containers/resources.js';
import { latestContainer } from '../runtime-state/pod-runtime.js';
import type { PodRuntime } from '../runtime-state/pod-runtime.js';
import { changedResources, needsRestart, resizableContainers } from './allocated-pod.js';
import type { Sizes } from './allocated-pod.js';

/** The limits of a Pod's cgroup that hold for what is below it; 0 is no limit. */
export type PodLimits = Pick<CgroupLimits, 'cpuQuota' | 'memoryLimitBytes'>;

export interface ContainerResize {
  readonly container: Container;
  readonly containerId: string;
  readonly before: ResourceRequirements;
}

export interface ContainerPlan {
  /** Those that can go on running, in the order of change. */
  readonly inPlace: readonly ContainerResize[];
  /** Those that get their size with their next start. */
  readonly awaitingRestart: readonly string[];
}

/** Containers that run with another size than they were promised. */
export function planContainers(pod: Pod, runtime: PodRuntime, actuated: Sizes): ContainerPlan {
  const inPlace: ContainerResize[] = [];
  const awaitingRestart: string[] = [];
  for (const container of resizableContainers(pod)) {
    const now = latestContainer(runtime, container.name);
    const before = actuated[container.name];
    // One that was made before sizes were remembered has the one that it was made with.
    if (now?.state !== 'running' || before === undefined) continue;
    const changed = changedResources(before, container.resources ?? {});
    if (changed.length === 0) continue;
    if (needsRestart(container, changed)) awaitingRestart.push(container.name);
    else inPlace.push({ container, containerId: now.id, before });
  }
  inPlace.sort((a, b) => memoryGrowth(a) - memoryGrowth(b));
  return { inPlace, awaitingRestart };
}

function memoryGrowth({ container, before }: ContainerResize): number {
  return memoryLimit(container.resources) - memoryLimit(before);
}

/** No limit is more than any. */
function memoryLimit(resources: ResourceRequirements | undefined): number {
  const limit = resources?.limits?.['memory'];
  return limit === undefined ? Number.MAX_SAFE_INTEGER : quantityBytes(limit);
}

export function greaterLimits(a: PodLimits, b: PodLimits): PodLimits {
  const greater = (x: number, y: number): number => (x === 0 || y === 0 ? 0 : Math.max(x, y));
  return {
    cpuQuota: greater(a.cpuQuota, b.cpuQuota),
    memoryLimitBytes: greater(a.memoryLimitBytes, b.memoryLimitBytes),
  };
}

/** Whose memory limit comes down: only then is its usage of interest. */
export interface MemoryShrinking {
  /** The new limit of the Pod, when it is less than before. */
  readonly podLimitBytes: number | undefined;
  readonly containers: readonly {
    readonly name: string;
    readonly containerId: string;
    readonly limitBytes: number;
  }[];
}

export function memoryShrinking(
  before: PodLimits,
  after: PodLimits,
  resizes: readonly ContainerResize[],
): MemoryShrinking {
  const limitOf = ({ memoryLimitBytes }: PodLimits): number => memoryLimitBytes || Number.MAX_SAFE_INTEGER;
  return {
    podLimitBytes: limitOf(after) < limitOf(before) ? after.memoryLimitBytes : undefined,
    containers: resizes
      .filter((resize) => memoryGrowth(resize) < 0)
      .map(({ container, containerId }) => ({
        name: container.name,
        containerId,
        limitBytes: memoryLimit(container.resources),
      })),
  };
}

/**
 * Why memory limits cannot come down: who uses as much would be killed for it. Undefined when they can. Usage that
 * nobody could tell counts as none: the kernel has the last word.
 */
export function memoryObjection(
  { podLimitBytes, containers }: MemoryShrinking,
  podUsageBytes: number | undefined,
  usageOf: (containerId: string) => number | undefined,
): string | undefined {
  const objections: string[] = [];
  const check = (whose: string, limitBytes: number, usageBytes = 0): void => {
    if (usageBytes >= limitBytes)
      objections.push(
        `attempting to set ${whose} memory limit (${limitBytes}) below current usage (${usageBytes})`,
      );
  };
  if (podLimitBytes !== undefined) check('pod', podLimitBytes, podUsageBytes);
  for (const { name, containerId, limitBytes } of containers)
    check(`container "${name}"`, limitBytes, usageOf(containerId));
  if (objections.length === 0) return undefined;
  return `cannot decrease memory limits: ${objections.length === 1 ? String(objections[0]) : `[${objections.join(', ')}]`}`;
}
