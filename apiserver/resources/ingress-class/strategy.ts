import type { IngressClass } from '../../../api/generated/networking-v1.js';
import { ingressClasses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateIngressClass, validateIngressClassUpdate } from './validation.js';

export const ingressClassStrategy: Strategy<IngressClass> = {
  definition: ingressClasses,
  tracksGeneration: true,
  allowsCreateOnUpdate: true,
  setDefaults({ spec }) {
    if (spec.parameters !== undefined && (spec.parameters.scope ?? '') === '')
      spec.parameters.scope = 'Cluster';
  },
  validate: validateIngressClass,
  validateUpdate: validateIngressClassUpdate,
};
