/** ServiceCIDRs: the ranges of Service addresses, as objects. */
import type { ServiceCIDR } from '../../../api/generated/networking-v1.js';
import { serviceCidrs } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateServiceCidr, validateServiceCidrUpdate } from './validation.js';

export const serviceCidrStrategy: Strategy<ServiceCIDR> = {
  definition: serviceCidrs,
  prepareForCreate(cidr) {
    cidr.status = {};
  },
  validate: validateServiceCidr,
  validateUpdate: validateServiceCidrUpdate,
  warnings: () => [
    'the addresses of Services are taken from the range that the apiserver was started with, not from ServiceCIDR objects yet',
  ],
};
