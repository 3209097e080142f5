import { isDeepStrictEqual } from 'node:util';
import type { RuntimeClass } from '../../../api/generated/node-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { keyPath } from '../../../api/field-path.js';
import { validateDns1123Label } from '../../../api/names.js';
import { checkImmutable, checkNonNegativeQuantity } from '../checks.js';
import { validateLabels } from '../object-meta.js';
import { validateTolerations } from '../pod/validation.js';

export function validateRuntimeClass(runtimeClass: RuntimeClass, violations: Violations): void {
  const { handler, overhead, scheduling } = runtimeClass;
  violations.invalidEach('handler', handler, validateDns1123Label(handler));
  for (const [resource, amount] of Object.entries(overhead?.podFixed ?? {}))
    checkNonNegativeQuantity(amount, keyPath('overhead.podFixed', resource), violations);
  if (scheduling === undefined) return;
  validateLabels(scheduling.nodeSelector, 'scheduling.nodeSelector', violations);
  const tolerations = scheduling.tolerations ?? [];
  validateTolerations(tolerations, 'scheduling.tolerations', violations);
  for (const [index, toleration] of tolerations.entries())
    if (tolerations.slice(0, index).some((one) => isDeepStrictEqual(one, toleration)))
      violations.duplicate(`scheduling.tolerations[${index}]`, toleration);
}

export function validateRuntimeClassUpdate(
  runtimeClass: RuntimeClass,
  before: RuntimeClass,
  violations: Violations,
): void {
  checkImmutable(runtimeClass.handler, before.handler, 'handler', violations);
}
