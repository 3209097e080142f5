/** Pods: mostly immutable, deleted in two steps so that the kubelet can end the containers first. */
import type { Pod } from '../../../api/generated/core-v1.js';
import { podQosClass } from '../../../api/pod-helpers.js';
import { pods } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { setPodDefaults } from './defaults.js';
import { ephemeralContainerRules } from './ephemeral-containers.js';
import { resizeRules } from './resize.js';
import { validateStartupHints } from './startup-hints.js';
import { validatePodSpec, validatePodUpdate } from './validation.js';
import { podWarnings } from './warnings.js';

export const podStrategy: Strategy<Pod> = {
  definition: pods,
  warnings: (pod) => podWarnings(pod),
  tracksGeneration: true,
  returnsDeletedObject: true,
  selectableFields: {
    'spec.nodeName': (pod) => pod.spec.nodeName ?? '',
    'spec.restartPolicy': (pod) => pod.spec.restartPolicy ?? '',
    'spec.schedulerName': (pod) => pod.spec.schedulerName ?? '',
    'spec.serviceAccountName': (pod) => pod.spec.serviceAccountName ?? '',
    'spec.hostNetwork': (pod) => String(pod.spec.hostNetwork ?? false),
    'status.phase': (pod) => pod.status.phase ?? '',
    'status.podIP': (pod) => pod.status.podIP ?? '',
    'status.nominatedNodeName': (pod) => pod.status.nominatedNodeName ?? '',
  },
  triggerField: 'spec.nodeName',
  setDefaults: setPodDefaults,
  prepareForCreate(pod) {
    pod.status = { phase: 'Pending', qosClass: podQosClass(pod.spec) };
  },
  subresources: { ephemeralcontainers: ephemeralContainerRules, resize: resizeRules },
  validate(pod, violations) {
    validatePodSpec(pod.spec, 'spec', violations);
  },
  validateCreate(pod, violations) {
    validateStartupHints(pod, undefined, violations);
    if ((pod.spec.ephemeralContainers ?? []).length > 0)
      violations.forbidden('spec.ephemeralContainers', 'cannot be set on create');
  },
  validateUpdate(pod, before, violations) {
    validatePodUpdate(pod, before, violations);
    validateStartupHints(pod, before, violations);
  },
  /** Nothing runs for a Pod that has no node or has ended: it goes at once. */
  gracePeriodSeconds(pod, requestedSeconds) {
    if ((pod.spec.nodeName ?? '') === '') return 0;
    if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return 0;
    const seconds = requestedSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
    // A negative period asks for the shortest one that still lets the kubelet end the containers.
    return seconds < 0 ? 1 : seconds;
  },
};
