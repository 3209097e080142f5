import type { MutatingWebhookConfiguration } from '../../../api/generated/admissionregistration-v1.js';
import { mutatingWebhookConfigurations } from '../../../api/resources.js';
import { notEnforced } from '../admission-rules/rule-validation.js';
import { setWebhookDefaults } from '../admission-rules/webhook-validation.js';
import type { Strategy } from '../strategy.js';
import { validateMutatingWebhookConfiguration } from './validation.js';

export const mutatingWebhookConfigurationStrategy: Strategy<MutatingWebhookConfiguration> = {
  definition: mutatingWebhookConfigurations,
  tracksGeneration: true,
  setDefaults({ webhooks }) {
    setWebhookDefaults(webhooks);
    for (const webhook of webhooks ?? []) webhook.reinvocationPolicy ??= 'Never';
  },
  validate: validateMutatingWebhookConfiguration,
  warnings: ({ kind }) => notEnforced(kind),
};
