/** Another size for containers that run: their CPU and memory, through a subresource of their own. */
import { isDeepStrictEqual } from 'node:util';
import type { Container, Pod } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { podQosClass } from '../../../api/pod-helpers.js';
import type { SubresourceRules } from '../strategy.js';
import { isMirrorPod } from './mirror-pod.js';
import { validatePodSpec } from './validation.js';

const resizable = ['cpu', 'memory'] as const;
const lists = ['requests', 'limits'] as const;

export const resizeRules: SubresourceRules<Pod> = {
  /** Whatever else a client sends is as it was; which container is meant is told by its name and place. */
  take(next, before) {
    const { containers, initContainers } = next.spec;
    return {
      ...before,
      spec: {
        ...before.spec,
        containers: withSizes(before.spec.containers, containers),
        ...(before.spec.initContainers === undefined
          ? {}
          : { initContainers: withSizes(before.spec.initContainers, initContainers ?? []) }),
      },
    };
  },
  check(next, before, violations) {
    for (const list of ['containers', 'initContainers'] as const) {
      const names = (pod: Pod): string[] => (pod.spec[list] ?? []).map(({ name }) => name);
      // Init containers that a client leaves out stay as they are.
      if (list === 'initContainers' && names(next).length === 0) continue;
      if (!isDeepStrictEqual(names(next), names(before)))
        violations.forbidden('spec', 'containers may not be renamed or reordered on resize');
    }
  },
  validate: validateResize,
};

function withSizes(before: readonly Container[], next: readonly Container[]): Container[] {
  return before.map((container) => {
    const { resources, resizePolicy } = next.find(({ name }) => name === container.name) ?? container;
    return {
      ...container,
      ...(resources === undefined ? {} : { resources }),
      ...(resizePolicy === undefined ? {} : { resizePolicy }),
    };
  });
}

function validateResize(pod: Pod, before: Pod, violations: Violations): void {
  const refusal = isMirrorPod(before)
    ? 'static pods cannot be resized'
    : before.spec.os?.name === 'windows'
      ? 'windows pods cannot be resized'
      : before.spec.resources !== undefined
        ? 'pods with pod-level resources cannot be resized'
        : undefined;
  if (refusal !== undefined) {
    violations.forbidden('', refusal);
    return;
  }
  validatePodSpec(pod.spec, 'spec', violations);
  const qosClass = podQosClass(pod.spec);
  if (qosClass !== (before.status.qosClass ?? podQosClass(before.spec)))
    violations.invalid('spec', qosClass, 'Pod QOS Class may not change as a result of resizing');
  if (!nodeCanResize(before)) violations.forbidden('spec', 'Pod running on node without support for resize');
  for (const list of ['initContainers', 'containers'] as const)
    for (const [index, container] of (pod.spec[list] ?? []).entries()) {
      const old = before.spec[list]?.[index];
      if (old !== undefined) validateContainerResize(container, old, `spec.${list}[${index}]`, violations);
    }
}

function validateContainerResize(
  container: Container,
  before: Container,
  path: string,
  violations: Violations,
): void {
  const isInit = path.startsWith('spec.initContainers');
  const isSidecar = isInit && before.restartPolicy === 'Always';
  if (isInit && !isSidecar) {
    if (!isDeepStrictEqual(container, before))
      violations.forbidden('spec', 'resources for non-sidecar init containers are immutable');
    return;
  }
  for (const list of lists)
    for (const name of resizable)
      if (before.resources?.[list]?.[name] !== undefined && container.resources?.[list]?.[name] === undefined)
        violations.forbidden(`${path}.resources.${list}`, `resource ${list} cannot be removed`);
  if (!isDeepStrictEqual(withoutSizes(container), withoutSizes(before)))
    violations.forbidden(
      'spec',
      isSidecar
        ? 'only cpu and memory resources for sidecar containers are mutable'
        : 'only cpu and memory resources are mutable',
    );
}

/** The container without what may change; an empty list is none. */
function withoutSizes(container: Container): object {
  const rest: Record<string, unknown> = { ...container.resources };
  for (const list of lists) {
    const others = Object.entries(container.resources?.[list] ?? {}).filter(
      ([name]) => !resizable.includes(name as (typeof resizable)[number]),
    );
    if (others.length === 0) Reflect.deleteProperty(rest, list);
    else rest[list] = Object.fromEntries(others);
  }
  return { ...container, resources: rest };
}

/** A kubelet that can do it tells the resources of what runs. With nothing running yet, nobody knows. */
function nodeCanResize({ status }: Pod): boolean {
  const running = (status.containerStatuses ?? []).find(({ state }) => state?.running !== undefined);
  return running === undefined || running.resources !== undefined;
}
