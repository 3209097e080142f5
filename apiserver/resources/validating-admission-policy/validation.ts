/** Policies in CEL: what stands around the expressions, and that they compile. */
import type {
  AuditAnnotation,
  ParamKind,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicySpec,
  Validation,
  Variable,
} from '../../../api/generated/admissionregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Label, validateQualifiedName } from '../../../api/names.js';
import { admissionEnvironment, checkExpression } from '../admission-rules/admission-expressions.js';
import { failurePolicies, validateMatchResources } from '../admission-rules/rule-validation.js';
import { validateMatchConditions } from '../admission-rules/webhook-validation.js';
import { checkOneOf, checkRequired, checkUnique } from '../checks.js';

const reasons = ['Forbidden', 'Invalid', 'RequestEntityTooLarge', 'Unauthorized'];
const maxAuditAnnotations = 20;
const maxExpressionBytes = 5 * 1024;
const celIdentifier = /^[_a-zA-Z][_a-zA-Z0-9]*$/;

export function validateValidatingAdmissionPolicy(
  { spec }: ValidatingAdmissionPolicy,
  violations: Violations,
): void {
  checkOneOf(spec.failurePolicy, failurePolicies, 'spec.failurePolicy', violations);
  if (spec.paramKind !== undefined) validateParamKind(spec.paramKind, 'spec.paramKind', violations);
  if (spec.matchConstraints === undefined) violations.required('spec.matchConstraints');
  else {
    validateMatchResources(spec.matchConstraints, 'spec.matchConstraints', violations);
    if ((spec.matchConstraints.resourceRules ?? []).length === 0)
      violations.required('spec.matchConstraints.resourceRules');
  }
  const hasParams = spec.paramKind !== undefined;
  validateMatchConditions(spec.matchConditions, 'spec.matchConditions', violations, { hasParams });
  validateVariables(spec.variables ?? [], violations);
  const { validations = [], auditAnnotations = [] } = spec;
  if (validations.length === 0 && auditAnnotations.length === 0)
    for (const field of ['validations', 'auditAnnotations'])
      violations.required(`spec.${field}`, 'validations or auditAnnotations must contain at least one item');
  for (const [index, one] of validations.entries())
    validateValidation(one, `spec.validations[${index}]`, violations);
  validateAuditAnnotations(auditAnnotations, violations);
  validateExpressions(spec, violations);
}

/** A variable may speak of those before it; what comes after them, of all. A message does not ask the authorizer. */
function validateExpressions(spec: ValidatingAdmissionPolicySpec, violations: Violations): void {
  const hasParams = spec.paramKind !== undefined;
  const variables = new Map<string, string>();
  const scope = { hasParams, hasAuthorizer: true, variables };
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    const at = { path: `spec.variables[${index}].expression`, wanted: [] };
    const compiled = checkExpression(admissionEnvironment(scope), expression, at, violations);
    // One that does not compile is known nevertheless, so that its mistake is told once.
    if (celIdentifier.test(name)) variables.set(name, compiled?.type ?? 'dyn');
  }
  const environment = admissionEnvironment(scope);
  const ofMessages = admissionEnvironment({ ...scope, hasAuthorizer: false });
  for (const [index, { expression, messageExpression = '' }] of (spec.validations ?? []).entries()) {
    const path = `spec.validations[${index}]`;
    checkExpression(environment, expression, { path: `${path}.expression`, wanted: ['bool'] }, violations);
    const at = { path: `${path}.messageExpression`, wanted: ['string'] };
    checkExpression(ofMessages, messageExpression, at, violations);
  }
  for (const [index, { valueExpression }] of (spec.auditAnnotations ?? []).entries()) {
    const at = { path: `spec.auditAnnotations[${index}].valueExpression`, wanted: ['string', 'null'] };
    checkExpression(environment, valueExpression, at, violations);
  }
}

function validateParamKind({ apiVersion, kind }: ParamKind, path: string, violations: Violations): void {
  if (checkRequired(apiVersion, `${path}.apiVersion`, violations) && apiVersion.split('/').length > 2)
    violations.invalid(`${path}.apiVersion`, apiVersion, `unexpected GroupVersion string: ${apiVersion}`);
  if (checkRequired(kind, `${path}.kind`, violations))
    violations.invalidEach(`${path}.kind`, kind, validateDns1123Label(kind.toLowerCase()));
}

function validateVariables(variables: readonly Variable[], violations: Violations): void {
  for (const [index, { name, expression }] of variables.entries()) {
    const path = `spec.variables[${index}]`;
    if (!celIdentifier.test(name))
      if (checkRequired(name, `${path}.name`, violations, 'name is not specified'))
        violations.invalid(`${path}.name`, name, 'name is not a valid CEL identifier');
    checkRequired(expression.trim(), `${path}.expression`, violations, 'expression is not specified');
  }
  checkUnique(
    variables.map(({ name }) => name),
    (index) => `spec.variables[${index}].name`,
    violations,
  );
}

function validateValidation(validation: Validation, path: string, violations: Violations): void {
  const { expression, message = '', messageExpression = '', reason } = validation;
  checkRequired(expression.trim(), `${path}.expression`, violations, 'expression is not specified');
  if (message !== '') {
    if (message.trim() === '')
      violations.invalid(`${path}.message`, message, 'message must be non-empty if specified');
    else if (/[\r\n]/.test(message.trim()))
      violations.invalid(`${path}.message`, message, 'message must not contain line breaks');
  } else if (/[\r\n]/.test(expression.trim()) && messageExpression === '')
    violations.required(`${path}.message`, 'message must be specified if expression contains line breaks');
  if (messageExpression !== '' && messageExpression.trim() === '')
    violations.invalid(`${path}.messageExpression`, messageExpression, 'must be non-empty if specified');
  if (reason !== undefined) checkOneOf(reason, reasons, `${path}.reason`, violations);
}

function validateAuditAnnotations(annotations: readonly AuditAnnotation[], violations: Violations): void {
  const path = 'spec.auditAnnotations';
  if (annotations.length > maxAuditAnnotations)
    violations.invalid(path, annotations, `must not have more than ${maxAuditAnnotations} auditAnnotations`);
  for (const [index, { key, valueExpression }] of annotations.entries()) {
    const at = `${path}[${index}]`;
    if (checkRequired(key, `${at}.key`, violations))
      violations.invalidEach(`${at}.key`, key, validateQualifiedName(key));
    const text = valueExpression.trim();
    checkRequired(text, `${at}.valueExpression`, violations, 'valueExpression is not specified');
    if (text.length > maxExpressionBytes)
      violations.required(`${at}.valueExpression`, 'must not exceed 5kb in length');
  }
  checkUnique(
    annotations.map(({ key }) => key),
    (index) => `${path}[${index}].key`,
    violations,
  );
}
