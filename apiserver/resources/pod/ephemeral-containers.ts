/** Containers that join a pod that is there: added through a subresource of their own, and never changed or removed. */
import { isDeepStrictEqual } from 'node:util';
import type { EphemeralContainer, Pod } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import type { SubresourceRules } from '../strategy.js';
import { isMirrorPod } from './mirror-pod.js';
import { validatePodSpec } from './validation.js';

export const ephemeralContainerRules: SubresourceRules<Pod> = {
  take(next, before) {
    const { ephemeralContainers } = next.spec;
    const spec = { ...before.spec };
    if (ephemeralContainers === undefined) delete spec.ephemeralContainers;
    else spec.ephemeralContainers = ephemeralContainers;
    return { ...before, spec };
  },
  validate(pod, before, violations) {
    if (isMirrorPod(before)) {
      violations.forbidden('', 'static pods do not support ephemeral containers');
      return;
    }
    validatePodSpec(pod.spec, 'spec', violations);
    validateOnlyAdditions(
      pod.spec.ephemeralContainers ?? [],
      before.spec.ephemeralContainers ?? [],
      violations,
    );
  },
};

/** A patch keeps no order: each container is looked for by its name. */
function validateOnlyAdditions(
  containers: readonly EphemeralContainer[],
  before: readonly EphemeralContainer[],
  violations: Violations,
): void {
  for (const old of before) {
    const now = containers.find(({ name }) => name === old.name);
    const existing = `existing ephemeral containers ${JSON.stringify(old.name)} may not be`;
    if (now === undefined) violations.forbidden('spec.ephemeralContainers', `${existing} removed`);
    else if (!isDeepStrictEqual(now, old))
      violations.forbidden('spec.ephemeralContainers', `${existing} changed`);
  }
}
