import { isDeepStrictEqual } from 'node:util';
import type {
  AllocationResult,
  ResourceClaim,
  ResourceClaimConsumerReference,
} from '../../../api/generated/resource-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { checkDriverName, checkImmutable, checkRequired, checkRequiredName, checkUnique } from '../checks.js';
import { validateDeviceClaim } from './device-validation.js';

const maxConsumers = 256;

export function validateResourceClaim({ spec }: ResourceClaim, violations: Violations): void {
  validateDeviceClaim(spec.devices ?? {}, 'spec.devices', violations);
}

export function validateResourceClaimUpdate(
  { spec }: ResourceClaim,
  before: ResourceClaim,
  violations: Violations,
): void {
  checkImmutable(spec, before.spec, 'spec', violations);
}

/** An allocation stays as it is for as long as somebody uses it, and nobody uses what is not allocated. */
export function validateResourceClaimStatus(
  { status, metadata }: ResourceClaim,
  before: ResourceClaim,
  violations: Violations,
): void {
  const { allocation, reservedFor = [] } = status;
  if (reservedFor.length > maxConsumers)
    violations.tooMany('status.reservedFor', reservedFor.length, maxConsumers);
  for (const [index, consumer] of reservedFor.entries())
    validateConsumer(consumer, `status.reservedFor[${index}]`, violations);
  checkUnique(
    reservedFor.map(({ uid }) => uid),
    (index) => `status.reservedFor[${index}].uid`,
    violations,
  );
  if (allocation === undefined) {
    if (reservedFor.length > 0)
      violations.forbidden('status.reservedFor', 'may not be specified when `allocated` is not set');
  } else if (before.status.allocation === undefined) {
    if (metadata.deletionTimestamp !== undefined)
      violations.forbidden(
        'status.allocation',
        'new allocation may not be added while claim is being deleted',
      );
    validateAllocation(allocation, 'status.allocation', violations);
  } else if (!isDeepStrictEqual(allocation, before.status.allocation))
    violations.invalid('status.allocation', allocation, 'field is immutable');
}

function validateConsumer(
  { resource, name, uid }: ResourceClaimConsumerReference,
  path: string,
  violations: Violations,
): void {
  checkRequired(resource, `${path}.resource`, violations);
  checkRequired(name, `${path}.name`, violations);
  checkRequired(uid, `${path}.uid`, violations);
}

function validateAllocation({ devices }: AllocationResult, path: string, violations: Violations): void {
  for (const [index, result] of (devices?.results ?? []).entries()) {
    const at = `${path}.devices.results[${index}]`;
    checkRequired(result.request, `${at}.request`, violations);
    checkDriverName(result.driver, `${at}.driver`, violations);
    checkRequired(result.pool, `${at}.pool`, violations);
    checkRequiredName(result.device, validateDns1123Subdomain, `${at}.device`, violations);
  }
}
