import type * as admissionregistration from '../generated/admissionregistration-v1.js';
import { define } from './define.js';

const categories = ['api-extensions'];

export const mutatingWebhookConfigurations = define<admissionregistration.MutatingWebhookConfiguration>(
  'admissionregistration/v1',
  'cluster',
  'MutatingWebhookConfiguration',
  { plural: 'mutatingwebhookconfigurations', categories },
);
export const validatingWebhookConfigurations = define<admissionregistration.ValidatingWebhookConfiguration>(
  'admissionregistration/v1',
  'cluster',
  'ValidatingWebhookConfiguration',
  { plural: 'validatingwebhookconfigurations', categories },
);
export const validatingAdmissionPolicies = define<admissionregistration.ValidatingAdmissionPolicy>(
  'admissionregistration/v1',
  'cluster',
  'ValidatingAdmissionPolicy',
  { plural: 'validatingadmissionpolicies', categories, subresources: ['status'] },
);
export const validatingAdmissionPolicyBindings =
  define<admissionregistration.ValidatingAdmissionPolicyBinding>(
    'admissionregistration/v1',
    'cluster',
    'ValidatingAdmissionPolicyBinding',
    { plural: 'validatingadmissionpolicybindings', categories },
  );
