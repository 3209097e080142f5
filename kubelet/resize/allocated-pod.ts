/**
 * Three sizes of a container: what its Pod asks for (`spec`), what the node has promised it (allocated), and what it was
 * given (actuated). Pure.
 *
 * The kubelet does all its work on the Pod with its allocated sizes in place of those of `spec`, so that a wish that
 * the node has not granted has no effect but its condition. It follows Kubernetes' in-place resize of v1.35: cpu and
 * memory of containers and sidecars.
 */
import type { Container, Pod, ResourceRequirements } from '../../api/generated/core-v1.js';
import { isSidecar } from '../../api/pod-helpers.js';
import { compareQuantities } from '../../api/quantity.js';

/** By the container's name. */
export type Sizes = Readonly<Record<string, ResourceRequirements>>;

/** What is remembered of one Pod. */
export interface Allocation {
  readonly allocated: Sizes;
  /** Of the newest container of each name; none for one that was never made. */
  readonly actuated: Sizes;
}

export const resizableResources = ['cpu', 'memory'] as const;
export type ResizableResource = (typeof resizableResources)[number];

/** Containers whose size may change: an init container that ends keeps the one that it began with. */
export function resizableContainers({ spec }: Pod): readonly Container[] {
  return [...(spec.initContainers ?? []).filter(isSidecar), ...spec.containers];
}

export function sizesOf(pod: Pod): Sizes {
  return Object.fromEntries(resizableContainers(pod).map(({ name, resources = {} }) => [name, resources]));
}

/** The Pod with these sizes; the same object when it has them already. */
export function withSizes(pod: Pod, sizes: Sizes): Pod {
  if (haveSameSizes(sizesOf(pod), sizes)) return pod;
  const resized = (container: Container): Container => {
    const resources = sizes[container.name];
    return resources === undefined ? container : { ...container, resources };
  };
  const { initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: pod.spec.containers.map(resized),
      ...(initContainers === undefined
        ? {}
        : {
            initContainers: initContainers.map((container) =>
              isSidecar(container) ? resized(container) : container,
            ),
          }),
    },
  };
}

/** Whether all containers of `a` have in `b` the sizes that they have in `a`. */
export function haveSameSizes(a: Sizes, b: Sizes): boolean {
  return Object.entries(a).every(([name, size]) => changedResources(b[name] ?? {}, size).length === 0);
}

/** Which of cpu and memory differ, in their request or their limit. 0.1 and 100m are the same. */
export function changedResources(
  before: ResourceRequirements,
  after: ResourceRequirements,
): readonly ResizableResource[] {
  return resizableResources.filter((resource) =>
    (['requests', 'limits'] as const).some((list) => {
      const [a, b] = [before[list]?.[resource], after[list]?.[resource]];
      if (a === undefined || b === undefined) return a !== b;
      return compareQuantities(a, b) !== 0;
    }),
  );
}

/** Whether its policy lets the container go on while these resources change. */
export function needsRestart(
  { resizePolicy = [] }: Container,
  changed: readonly ResizableResource[],
): boolean {
  return resizePolicy.some(
    ({ resourceName, restartPolicy }) =>
      restartPolicy === 'RestartContainer' && changed.some((resource) => resource === resourceName),
  );
}
