/** Resources of a Pod as a whole (`spec.resources`): what follows from them, and how they go with those of the containers. */
import type { PodSpec } from '../../../api/generated/core-v1.js';
import { keyPath } from '../../../api/field-path.js';
import type { Violations } from '../../../api/field-path.js';
import { podLimits, podRequests } from '../../../api/pod-helpers.js';
import type { ResourceAmounts } from '../../../api/pod-helpers.js';
import { compareQuantities, quantityFromBytes, quantityFromMillicores } from '../../../api/quantity.js';
import { validateResources } from './container-validation.js';

const hugepages = 'hugepages-';

function isSupported(resource: string): boolean {
  return resource === 'cpu' || resource === 'memory' || resource.startsWith(hugepages);
}

/**
 * A request that is not said is what the containers request together, where any of them requests the resource, or as much
 * as the limit. Without limits nothing is filled in. Idempotent.
 */
export function setPodRequests(spec: PodSpec): void {
  const { limits = {}, requests = {} } = spec.resources ?? {};
  if (Object.keys(limits).length === 0) return;
  const sum = amountsByName(podRequests({ spec: containersOnly(spec) }));
  const isRequested = (resource: string): boolean =>
    [...(spec.initContainers ?? []), ...spec.containers].some(
      ({ resources }) => resources?.requests?.[resource] !== undefined,
    );
  const ofContainers = Object.entries(sum).filter(
    ([name]) => !name.startsWith(hugepages) && isRequested(name),
  );
  const ofLimits = Object.entries(limits).filter(([name]) => isSupported(name));
  spec.resources = {
    ...spec.resources,
    requests: { ...Object.fromEntries(ofLimits), ...Object.fromEntries(ofContainers), ...requests },
  };
}

export function validatePodResources(spec: PodSpec, path: string, violations: Violations): void {
  if (spec.resources === undefined) return;
  const { limits = {}, requests = {} } = spec.resources;
  validateResources(spec.resources, path, violations);
  for (const [list, amounts] of Object.entries({ limits, requests }))
    for (const name of Object.keys(amounts))
      if (!isSupported(name))
        violations.notSupported(keyPath(`${path}.${list}`, name), name, ['cpu', hugepages, 'memory']);
  const bare = { spec: containersOnly(spec) };
  checkSum('requests', amountsByName(podRequests(bare)), requests, path, violations);
  const limitSum = Object.entries(amountsByName(podLimits(bare))).filter(([name]) =>
    name.startsWith(hugepages),
  );
  checkSum('limits', Object.fromEntries(limitSum), limits, path, violations);
  for (const [index, container] of spec.containers.entries())
    for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
      const ofPod = limits[name];
      if (ofPod !== undefined && compareQuantities(limit, ofPod) > 0)
        violations.invalid(
          `${keyPath(`${path}.containers[${index}]`, name)}.limits`,
          limit,
          `must be less than or equal to pod limits of ${ofPod}`,
        );
    }
}

function checkSum(
  list: 'requests' | 'limits',
  sum: Readonly<Record<string, string>>,
  ofPod: Readonly<Record<string, string>>,
  path: string,
  violations: Violations,
): void {
  for (const [name, amount] of Object.entries(sum)) {
    const whole = ofPod[name];
    if (whole !== undefined && compareQuantities(amount, whole) > 0)
      violations.invalid(
        keyPath(`${path}.${list}`, name),
        whole,
        `must be greater than or equal to aggregate container ${list} of ${amount}`,
      );
  }
}

/** Without what the Pod has as a whole, and without its overhead. */
function containersOnly(spec: PodSpec): PodSpec {
  const containers = { ...spec };
  delete containers.resources;
  delete containers.overhead;
  return containers;
}

/** Those that a Pod as a whole can have. */
function amountsByName({ cpuMillicores, memoryBytes, others }: ResourceAmounts): Record<string, string> {
  return {
    cpu: quantityFromMillicores(cpuMillicores),
    memory: quantityFromBytes(memoryBytes),
    ...Object.fromEntries(
      Object.entries(others)
        .filter(([name]) => isSupported(name))
        .map(([name, bytes]) => [name, quantityFromBytes(bytes)]),
    ),
  };
}
