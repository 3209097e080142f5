import type { CSIStorageCapacity } from '../../../api/generated/storage-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { checkImmutable, checkNonNegativeQuantity } from '../checks.js';
import { validateLabelSelector } from '../pod/template.js';

export function validateCsiStorageCapacity(capacity: CSIStorageCapacity, violations: Violations): void {
  if (capacity.nodeTopology !== undefined)
    validateLabelSelector(capacity.nodeTopology, 'nodeTopology', violations);
  violations.invalidEach(
    'storageClassName',
    capacity.storageClassName,
    validateDns1123Subdomain(capacity.storageClassName),
  );
  for (const field of ['capacity', 'maximumVolumeSize'] as const) {
    const amount = capacity[field];
    if (amount !== undefined) checkNonNegativeQuantity(amount, field, violations);
  }
}

/** Capacity changes; what it is the capacity of does not. */
export function validateCsiStorageCapacityUpdate(
  capacity: CSIStorageCapacity,
  before: CSIStorageCapacity,
  violations: Violations,
): void {
  for (const field of ['nodeTopology', 'storageClassName'] as const)
    checkImmutable(capacity[field], before[field], field, violations);
}
