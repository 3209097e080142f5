import type { Ingress } from '../../../api/generated/networking-v1.js';
import { ingresses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import {
  classAnnotation,
  validateIngress,
  validateIngressClassOnce,
  validateIngressStatus,
} from './validation.js';

export const ingressStrategy: Strategy<Ingress> = {
  definition: ingresses,
  tracksGeneration: true,
  allowsCreateOnUpdate: true,
  prepareForCreate(ingress) {
    ingress.status = { loadBalancer: {} };
  },
  validate: validateIngress,
  validateCreate: validateIngressClassOnce,
  validateStatusUpdate(ingress, _before, violations) {
    validateIngressStatus(ingress, violations);
  },
  warnings: ({ metadata }) =>
    metadata.annotations?.[classAnnotation] === undefined
      ? []
      : [`annotation "${classAnnotation}" is deprecated, please use 'spec.ingressClassName' instead`],
};
