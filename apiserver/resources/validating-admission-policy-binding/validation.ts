import type {
  ParamRef,
  ValidatingAdmissionPolicyBinding,
} from '../../../api/generated/admissionregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { validateMatchResources } from '../admission-rules/rule-validation.js';
import { checkOneOf, checkRequiredName, checkUnique } from '../checks.js';
import { validateLabelSelector } from '../pod/template.js';

const actions = ['Audit', 'Deny', 'Warn'];
const notFoundActions = ['Allow', 'Deny'];

export function validateValidatingAdmissionPolicyBinding(
  { spec }: ValidatingAdmissionPolicyBinding,
  violations: Violations,
): void {
  checkRequiredName(spec.policyName, validateDns1123Subdomain, 'spec.policyName', violations);
  if (spec.paramRef !== undefined) validateParamRef(spec.paramRef, 'spec.paramRef', violations);
  if (spec.matchResources !== undefined)
    validateMatchResources(spec.matchResources, 'spec.matchResources', violations);
  validateActions(spec.validationActions ?? [], 'spec.validationActions', violations);
}

function validateActions(given: readonly string[], path: string, violations: Violations): void {
  if (given.length === 0) violations.required(path, 'at least one validation action is required');
  for (const [index, action] of given.entries()) checkOneOf(action, actions, `${path}[${index}]`, violations);
  checkUnique(given, (index) => `${path}[${index}]`, violations);
  if (given.includes('Deny') && given.includes('Warn'))
    violations.invalid(
      path,
      given,
      'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
    );
}

function validateParamRef(reference: ParamRef, path: string, violations: Violations): void {
  const { name = '', selector, parameterNotFoundAction } = reference;
  if (name !== '') {
    violations.invalidEach(`${path}.name`, name, validateDns1123Subdomain(name));
    if (selector !== undefined)
      violations.forbidden(`${path}.name`, 'name and selector are mutually exclusive');
  } else if (selector === undefined) violations.required(path, 'one of name or selector must be specified');
  else validateLabelSelector(selector, `${path}.selector`, violations);
  if ((parameterNotFoundAction ?? '') === '') violations.required(`${path}.parameterNotFoundAction`);
  else checkOneOf(parameterNotFoundAction, notFoundActions, `${path}.parameterNotFoundAction`, violations);
}
