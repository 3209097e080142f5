import type { CSIDriver, TokenRequest } from '../../../api/generated/storage-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkDriverName, checkImmutable, checkOneOf, checkUnique } from '../checks.js';

const fsGroupPolicies = ['ReadWriteOnceWithFSType', 'File', 'None'];
const lifecycleModes = ['Persistent', 'Ephemeral'];
const minTokenSeconds = 10 * 60;
const maxTokenSeconds = 2 ** 32;
const minUpdatePeriodSeconds = 10;

export function validateCsiDriver({ metadata, spec }: CSIDriver, violations: Violations): void {
  checkDriverName(metadata.name, 'metadata.name', violations);
  for (const field of ['attachRequired', 'podInfoOnMount', 'storageCapacity'] as const)
    if (spec[field] === undefined) violations.required(`spec.${field}`);
  checkOneOf(spec.fsGroupPolicy, fsGroupPolicies, 'spec.fsGroupPolicy', violations);
  for (const mode of spec.volumeLifecycleModes ?? [])
    checkOneOf(mode, lifecycleModes, 'spec.volumeLifecycleModes', violations);
  validateTokenRequests(spec.tokenRequests ?? [], violations);
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  if (period !== undefined && period < minUpdatePeriodSeconds)
    violations.invalid(
      'spec.nodeAllocatableUpdatePeriodSeconds',
      period,
      `must be greater than or equal to ${minUpdatePeriodSeconds} seconds`,
    );
}

function validateTokenRequests(requests: readonly TokenRequest[], violations: Violations): void {
  checkUnique(
    requests.map(({ audience }) => audience),
    (index) => `spec.tokenRequests[${index}].audience`,
    violations,
  );
  for (const [index, { expirationSeconds }] of requests.entries()) {
    const path = `spec.tokenRequests[${index}].expirationSeconds`;
    if (expirationSeconds === undefined) continue;
    if (expirationSeconds < minTokenSeconds)
      violations.invalid(path, expirationSeconds, 'may not specify a duration less than 10 minutes');
    if (expirationSeconds > maxTokenSeconds)
      violations.invalid(path, expirationSeconds, 'may not specify a duration larger than 2^32 seconds');
  }
}

export function validateCsiDriverUpdate(
  { spec }: CSIDriver,
  before: CSIDriver,
  violations: Violations,
): void {
  checkImmutable(spec.attachRequired, before.spec.attachRequired, 'spec.attachRequired', violations);
  checkImmutable(
    spec.volumeLifecycleModes,
    before.spec.volumeLifecycleModes,
    'spec.volumeLifecycleModes',
    violations,
  );
}
