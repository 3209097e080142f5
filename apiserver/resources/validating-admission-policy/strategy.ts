import type { ValidatingAdmissionPolicy } from '../../../api/generated/admissionregistration-v1.js';
import { validatingAdmissionPolicies } from '../../../api/resources.js';
import { notEnforced, setMatchResourcesDefaults } from '../admission-rules/rule-validation.js';
import type { Strategy } from '../strategy.js';
import { validateValidatingAdmissionPolicy } from './validation.js';

export const validatingAdmissionPolicyStrategy: Strategy<ValidatingAdmissionPolicy> = {
  definition: validatingAdmissionPolicies,
  tracksGeneration: true,
  setDefaults({ spec }) {
    spec.failurePolicy ??= 'Fail';
    setMatchResourcesDefaults(spec.matchConstraints);
  },
  prepareForCreate(policy) {
    policy.status = {};
  },
  validate: validateValidatingAdmissionPolicy,
  warnings: ({ kind }) => notEnforced(kind),
};
