import type { Lease } from '../../../api/generated/coordination-v1.js';
import { leases } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateLease } from './validation.js';

export const leaseStrategy: Strategy<Lease> = {
  definition: leases,
  allowsCreateOnUpdate: true,
  validate: validateLease,
};
