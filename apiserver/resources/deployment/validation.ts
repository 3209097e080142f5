import type { Deployment, DeploymentStrategy } from '../../../api/generated/apps-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  shareAmount,
  validateNonNegative,
  validateNotAbove100Percent,
  validateSelectorUnchanged,
  validateShare,
  validateWorkload,
} from '../pod/template.js';

const strategyTypes = ['Recreate', 'RollingUpdate'];

export function validateDeployment({ spec }: Deployment, violations: Violations): void {
  validateWorkload(spec, 'deployment', violations);
  if (spec.strategy !== undefined) validateStrategy(spec.strategy, violations);
  validateNonNegative(spec.revisionHistoryLimit, 'spec.revisionHistoryLimit', violations);
  const deadline = spec.progressDeadlineSeconds;
  validateNonNegative(deadline, 'spec.progressDeadlineSeconds', violations);
  if (deadline !== undefined && deadline <= (spec.minReadySeconds ?? 0))
    violations.invalid('spec.progressDeadlineSeconds', deadline, 'must be greater than minReadySeconds');
}

function validateStrategy(strategy: DeploymentStrategy, violations: Violations): void {
  if (!strategyTypes.includes(strategy.type ?? '')) {
    violations.notSupported('spec.strategy.type', strategy.type, strategyTypes);
    return;
  }
  const path = 'spec.strategy.rollingUpdate';
  if (strategy.type === 'Recreate') {
    if (strategy.rollingUpdate !== undefined)
      violations.forbidden(path, "may not be specified when strategy `type` is 'Recreate'");
    return;
  }
  const { maxUnavailable = 0, maxSurge = 0 } = strategy.rollingUpdate ?? {};
  validateShare(maxUnavailable, `${path}.maxUnavailable`, violations);
  validateShare(maxSurge, `${path}.maxSurge`, violations);
  if (shareAmount(maxUnavailable) === 0 && shareAmount(maxSurge) === 0)
    violations.invalid(`${path}.maxUnavailable`, maxUnavailable, 'may not be 0 when `maxSurge` is 0');
  validateNotAbove100Percent(maxUnavailable, `${path}.maxUnavailable`, violations);
}

export function validateDeploymentUpdate(
  { spec }: Deployment,
  before: Deployment,
  violations: Violations,
): void {
  validateSelectorUnchanged(spec.selector, before.spec.selector, violations);
}
