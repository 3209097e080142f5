import type { MutatingWebhookConfiguration } from '../../../api/generated/admissionregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateWebhooks } from '../admission-rules/webhook-validation.js';
import { checkOneOf } from '../checks.js';

const reinvocationPolicies = ['Never', 'IfNeeded'];

export function validateMutatingWebhookConfiguration(
  { webhooks }: MutatingWebhookConfiguration,
  violations: Violations,
): void {
  validateWebhooks(webhooks, violations);
  for (const [index, { reinvocationPolicy }] of (webhooks ?? []).entries())
    checkOneOf(reinvocationPolicy, reinvocationPolicies, `webhooks[${index}].reinvocationPolicy`, violations);
}
