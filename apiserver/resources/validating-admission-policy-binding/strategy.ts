import type { ValidatingAdmissionPolicyBinding } from '../../../api/generated/admissionregistration-v1.js';
import { validatingAdmissionPolicyBindings } from '../../../api/resources.js';
import { notEnforced, setMatchResourcesDefaults } from '../admission-rules/rule-validation.js';
import type { Strategy } from '../strategy.js';
import { validateValidatingAdmissionPolicyBinding } from './validation.js';

export const validatingAdmissionPolicyBindingStrategy: Strategy<ValidatingAdmissionPolicyBinding> = {
  definition: validatingAdmissionPolicyBindings,
  tracksGeneration: true,
  setDefaults({ spec }) {
    if (spec.paramRef !== undefined) spec.paramRef.parameterNotFoundAction ??= 'Deny';
    setMatchResourcesDefaults(spec.matchResources);
  },
  validate: validateValidatingAdmissionPolicyBinding,
  warnings: ({ kind }) => notEnforced(kind),
};
