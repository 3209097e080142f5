/** Resolves a Pod's priority. PriorityClass objects are not served yet: only the two system classes are known. */
import type { Pod } from '../../api/generated/core-v1.js';
import { StatusError } from '../../api/status-error.js';
import type { AdmissionPlugin } from './admission.js';
import { isPodCreation } from './pod-creation.js';

const systemClasses: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

export const priority: AdmissionPlugin = {
  name: 'Priority',
  admit(request) {
    if (!isPodCreation(request)) return;
    const { spec } = request.object as Pod;
    const className = spec.priorityClassName ?? '';
    const value = className === '' ? 0 : systemClasses[className];
    if (value === undefined) {
      throw new StatusError(
        'Forbidden',
        `pods "${request.name}" is forbidden: no PriorityClass with name ${className} was found`,
        { details: { name: request.name, kind: 'pods' } },
      );
    }
    if (spec.priority !== undefined && spec.priority !== value) {
      throw new StatusError(
        'Forbidden',
        `pods "${request.name}" is forbidden: the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        { details: { name: request.name, kind: 'pods' } },
      );
    }
    spec.priority = value;
    spec.preemptionPolicy ??= 'PreemptLowerPriority';
  },
};
