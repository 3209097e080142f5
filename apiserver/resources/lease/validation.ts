import type { Lease } from '../../../api/generated/coordination-v1.js';
import type { Violations } from '../../../api/field-path.js';

export function validateLease({ spec }: Lease, violations: Violations): void {
  if (spec.leaseDurationSeconds !== undefined && spec.leaseDurationSeconds <= 0)
    violations.invalid('spec.leaseDurationSeconds', spec.leaseDurationSeconds, 'must be greater than 0');
  if (spec.leaseTransitions !== undefined && spec.leaseTransitions < 0)
    violations.invalid('spec.leaseTransitions', spec.leaseTransitions, 'must be greater than or equal to 0');
}
