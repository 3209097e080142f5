import type { ValidatingWebhookConfiguration } from '../../../api/generated/admissionregistration-v1.js';
import { validatingWebhookConfigurations } from '../../../api/resources.js';
import { notEnforced } from '../admission-rules/rule-validation.js';
import { setWebhookDefaults } from '../admission-rules/webhook-validation.js';
import type { Strategy } from '../strategy.js';
import { validateValidatingWebhookConfiguration } from './validation.js';

export const validatingWebhookConfigurationStrategy: Strategy<ValidatingWebhookConfiguration> = {
  definition: validatingWebhookConfigurations,
  tracksGeneration: true,
  setDefaults({ webhooks }) {
    setWebhookDefaults(webhooks);
  },
  validate: validateValidatingWebhookConfiguration,
  warnings: ({ kind }) => notEnforced(kind),
};
