/** What Mutating- and ValidatingWebhookConfigurations have in common: whom to call, and for which requests. */
import type {
  MatchCondition,
  MutatingWebhook,
  ValidatingWebhook,
  WebhookClientConfig,
} from '../../../api/generated/admissionregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  validateDns1035Label,
  validateDns1123Subdomain,
  validatePortNumber,
  validateQualifiedName,
} from '../../../api/names.js';
import { checkOneOf, checkRequired, checkUnique } from '../checks.js';
import { admissionEnvironment, checkExpression } from './admission-expressions.js';
import { validateLabelSelector } from '../pod/template.js';
import { failurePolicies, matchPolicies, validateRuleWithOperations } from './rule-validation.js';

export type Webhook = ValidatingWebhook | MutatingWebhook;

const sideEffects = ['None', 'NoneOnDryRun'];
/** Versions of AdmissionReview that can be sent. */
const reviewVersions = ['v1', 'v1beta1'];
const maxMatchConditions = 64;
const defaultTimeoutSeconds = 10;
const maxTimeoutSeconds = 30;
const httpsPort = 443;

export function setWebhookDefaults(webhooks: readonly Webhook[] = []): void {
  for (const webhook of webhooks) {
    webhook.failurePolicy ??= 'Fail';
    webhook.matchPolicy ??= 'Equivalent';
    webhook.namespaceSelector ??= {};
    webhook.objectSelector ??= {};
    webhook.timeoutSeconds ??= defaultTimeoutSeconds;
    if (webhook.clientConfig.service !== undefined) webhook.clientConfig.service.port ??= httpsPort;
    for (const rule of webhook.rules ?? []) rule.scope ??= '*';
  }
}

export function validateWebhooks(webhooks: readonly Webhook[] = [], violations: Violations): void {
  for (const [index, webhook] of webhooks.entries())
    validateWebhook(webhook, `webhooks[${index}]`, violations);
  checkUnique(
    webhooks.map(({ name }) => name),
    (index) => `webhooks[${index}].name`,
    violations,
  );
}

function validateWebhook(webhook: Webhook, path: string, violations: Violations): void {
  validateFullName(webhook.name, `${path}.name`, violations);
  const effects = webhook.sideEffects as string | undefined;
  if ((effects ?? '') === '')
    violations.required(`${path}.sideEffects`, `must specify one of ${sideEffects.join(', ')}`);
  else checkOneOf(effects, sideEffects, `${path}.sideEffects`, violations);
  validateReviewVersions(webhook.admissionReviewVersions, `${path}.admissionReviewVersions`, violations);
  for (const [index, rule] of (webhook.rules ?? []).entries())
    validateRuleWithOperations(rule, `${path}.rules[${index}]`, violations);
  checkOneOf(webhook.failurePolicy, failurePolicies, `${path}.failurePolicy`, violations);
  checkOneOf(webhook.matchPolicy, matchPolicies, `${path}.matchPolicy`, violations);
  const seconds = webhook.timeoutSeconds;
  if (seconds !== undefined && (seconds < 1 || seconds > maxTimeoutSeconds))
    violations.invalid(
      `${path}.timeoutSeconds`,
      seconds,
      `the timeout value must be between 1 and ${maxTimeoutSeconds} seconds`,
    );
  for (const field of ['namespaceSelector', 'objectSelector'] as const) {
    const selector = webhook[field];
    if (selector !== undefined) validateLabelSelector(selector, `${path}.${field}`, violations);
  }
  validateClientConfig(webhook.clientConfig, `${path}.clientConfig`, violations);
  validateMatchConditions(webhook.matchConditions, `${path}.matchConditions`, violations);
}

/** Webhooks are named like hosts, so that no two organisations take one name. */
function validateFullName(name: string, path: string, violations: Violations): void {
  if (!checkRequired(name, path, violations)) return;
  const problems = validateDns1123Subdomain(name);
  violations.invalidEach(path, name, problems);
  if (problems.length === 0 && name.split('.').length < 3)
    violations.invalid(path, name, 'should be a domain with at least three segments separated by dots');
}

function validateReviewVersions(versions: readonly string[], path: string, violations: Violations): void {
  if (versions.length === 0) {
    violations.required(path, `must specify one of ${reviewVersions.join(', ')}`);
    return;
  }
  for (const [index, version] of versions.entries()) {
    const at = `${path}[${index}]`;
    violations.invalidEach(at, version, validateDns1035Label(version));
    if (versions.indexOf(version) < index) violations.invalid(at, version, 'duplicate version');
  }
  if (!versions.some((version) => reviewVersions.includes(version)))
    violations.invalid(path, versions, `must include at least one of ${reviewVersions.join(', ')}`);
}

/** Where a webhook is: exactly one of a URL and a Service. */
export function validateClientConfig(
  { url, service }: WebhookClientConfig,
  path: string,
  violations: Violations,
): void {
  if ((url === undefined) === (service === undefined)) {
    violations.required(path, 'exactly one of url or service is required');
    return;
  }
  if (url !== undefined) {
    validateUrl(url, `${path}.url`, violations);
    return;
  }
  if (service === undefined) return;
  checkRequired(service.namespace, `${path}.service.namespace`, violations, 'service namespace is required');
  checkRequired(service.name, `${path}.service.name`, violations, 'service name is required');
  if (service.port !== undefined)
    for (const problem of validatePortNumber(service.port))
      violations.invalid(`${path}.service.port`, service.port, `port is not valid: ${problem}`);
  validateServicePath(service.path ?? '', `${path}.service.path`, violations);
}

const urlForm = 'desired format: https://host[/path]';

function validateUrl(text: string, path: string, violations: Violations): void {
  if (!URL.canParse(text)) {
    violations.required(path, `url must be a valid URL: ${urlForm}`);
    return;
  }
  const url = new URL(text);
  if (url.protocol !== 'https:')
    violations.invalid(path, url.protocol.slice(0, -1), `'https' is the only allowed URL scheme; ${urlForm}`);
  if (url.host === '') violations.invalid(path, url.host, `host must be specified; ${urlForm}`);
  if (url.username !== '' || url.password !== '')
    violations.invalid(path, url.username, 'user information is not permitted in the URL');
  if (url.hash !== '') violations.invalid(path, url.hash.slice(1), 'fragments are not permitted in the URL');
  if (url.search !== '')
    violations.invalid(path, url.search.slice(1), 'query parameters are not permitted in the URL');
}

function validateServicePath(text: string, path: string, violations: Violations): void {
  if (text === '' || text === '/') return;
  if (!text.startsWith('/')) {
    violations.invalid(path, text, "must start with a '/'");
    return;
  }
  for (const [index, step] of text.slice(1).replace(/\/$/, '').split('/').entries()) {
    if (step === '') violations.invalid(path, text, `segment[${index}] may not be empty`);
    else
      for (const problem of validateDns1123Subdomain(step))
        violations.invalid(path, text, `segment[${index}]: ${problem}`);
  }
}

/** Conditions that a request must satisfy, in CEL; `hasParams` for those of a policy that has parameters. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[] = [],
  path: string,
  violations: Violations,
  { hasParams = false }: { readonly hasParams?: boolean } = {},
): void {
  if (conditions.length === 0) return;
  const environment = admissionEnvironment({ hasParams, hasAuthorizer: true });
  if (conditions.length > maxMatchConditions) violations.tooMany(path, conditions.length, maxMatchConditions);
  for (const [index, { name, expression }] of conditions.entries()) {
    const at = `${path}[${index}]`;
    if (checkRequired(name, `${at}.name`, violations))
      violations.invalidEach(`${at}.name`, name, validateQualifiedName(name));
    if (expression.trim() === '') violations.required(`${at}.expression`);
    checkExpression(environment, expression, { path: `${at}.expression`, wanted: ['bool'] }, violations);
  }
  checkUnique(
    conditions.map(({ name }) => name),
    (index) => `${path}[${index}].name`,
    violations,
  );
}
