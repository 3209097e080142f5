import type { ValidatingWebhookConfiguration } from '../../../api/generated/admissionregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateWebhooks } from '../admission-rules/webhook-validation.js';

export function validateValidatingWebhookConfiguration(
  { webhooks }: ValidatingWebhookConfiguration,
  violations: Violations,
): void {
  validateWebhooks(webhooks, violations);
}
