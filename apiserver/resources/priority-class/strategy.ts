/** PriorityClasses: names for how much a pod matters. Who matters more may push others off a node. */
import type { PriorityClass } from '../../../api/generated/scheduling-v1.js';
import { priorityClasses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validatePriorityClass, validatePriorityClassUpdate } from './validation.js';

export const priorityClassStrategy: Strategy<PriorityClass> = {
  definition: priorityClasses,
  allowsCreateOnUpdate: true,
  tracksGeneration: true,
  setDefaults(priorityClass) {
    priorityClass.preemptionPolicy ??= 'PreemptLowerPriority';
  },
  validate: validatePriorityClass,
  validateUpdate: validatePriorityClassUpdate,
};
