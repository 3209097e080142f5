/** Priority levels: how many requests of a kind run at once, and what happens to those that come on top. */
import type {
  ExemptPriorityLevelConfiguration,
  LimitedPriorityLevelConfiguration,
  LimitResponse,
  PriorityLevelConfiguration,
  QueuingConfiguration,
} from '../../../api/generated/flowcontrol-v1.js';
import type { Violations } from '../../../api/field-path.js';

const types = ['Exempt', 'Limited'];
const responses = ['Queue', 'Reject'];
const maxQueues = 10_000_000;

export function validatePriorityLevelConfiguration(
  { spec }: PriorityLevelConfiguration,
  violations: Violations,
): void {
  const { type, limited, exempt } = spec;
  switch (type) {
    case 'Exempt':
      if (limited !== undefined)
        violations.forbidden('spec.limited', 'must be nil if the type is not Limited');
      if (exempt === undefined) violations.required('spec.exempt', 'must not be empty when type is Exempt');
      else validateShares(exempt, 'spec.exempt', violations);
      return;
    case 'Limited':
      if (exempt !== undefined) violations.forbidden('spec.exempt', 'must be nil if the type is Limited');
      if (limited === undefined)
        violations.required('spec.limited', 'must not be empty when type is Limited');
      else validateLimited(limited, 'spec.limited', violations);
      return;
    default:
      violations.notSupported('spec.type', type, types);
  }
}

function validateShares(
  { nominalConcurrencyShares = 0, lendablePercent = 0 }: ExemptPriorityLevelConfiguration,
  path: string,
  violations: Violations,
): void {
  if (nominalConcurrencyShares < 0)
    violations.invalid(
      `${path}.nominalConcurrencyShares`,
      nominalConcurrencyShares,
      'must be a non-negative integer',
    );
  if (lendablePercent < 0 || lendablePercent > 100)
    violations.invalid(`${path}.lendablePercent`, lendablePercent, 'must be between 0 and 100, inclusive');
}

function validateLimited(
  limited: LimitedPriorityLevelConfiguration,
  path: string,
  violations: Violations,
): void {
  validateShares(limited, path, violations);
  const borrowing = limited.borrowingLimitPercent;
  if (borrowing !== undefined && borrowing < 0)
    violations.invalid(
      `${path}.borrowingLimitPercent`,
      borrowing,
      'if specified, must be a non-negative integer',
    );
  validateLimitResponse(limited.limitResponse ?? { type: '' }, `${path}.limitResponse`, violations);
}

function validateLimitResponse({ type, queuing }: LimitResponse, path: string, violations: Violations): void {
  switch (type) {
    case 'Reject':
      if (queuing !== undefined)
        violations.forbidden(`${path}.queuing`, 'must be nil if limited.limitResponse.type is not Limited');
      return;
    case 'Queue':
      if (queuing === undefined)
        violations.required(`${path}.queuing`, 'must not be empty if limited.limitResponse.type is Limited');
      else validateQueuing(queuing, `${path}.queuing`, violations);
      return;
    default:
      violations.notSupported(`${path}.type`, type, responses);
  }
}

function validateQueuing(queuing: QueuingConfiguration, path: string, violations: Violations): void {
  const { queues = 0, handSize = 0, queueLengthLimit = 0 } = queuing;
  for (const [field, value] of Object.entries({ queueLengthLimit, queues, handSize }))
    if (value <= 0) violations.invalid(`${path}.${field}`, value, 'must be a positive integer');
  if (queues > maxQueues)
    violations.invalid(`${path}.queues`, queues, `must not be greater than ${maxQueues}`);
  if (handSize > queues)
    violations.invalid(`${path}.handSize`, handSize, `should not be greater than queues (${queues})`);
}
