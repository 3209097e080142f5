/** Requests for devices, as they stand in claims, templates and classes. */
import type {
  DeviceClaim,
  DeviceClaimConfiguration,
  DeviceConfiguration,
  DeviceConstraint,
  DeviceRequest,
  DeviceSelector,
  DeviceSubRequest,
  DeviceToleration,
  ExactDeviceRequest,
} from '../../../api/generated/resource-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Label, validateDns1123Subdomain, validateQualifiedName } from '../../../api/names.js';
import { checkDriverName, checkOneOf, checkRequired, checkRequiredName, checkUnique } from '../checks.js';
import { checkDeviceExpression } from './device-expressions.js';

const maxSelectors = 32;
const maxRequests = 32;
const maxConstraints = 32;
export const maxConfigs = 32;
const maxFirstAvailable = 8;
const maxTolerations = 16;
const maxExpressionLength = 10 * 1024;
const maxParametersBytes = 10 * 1024;
const allocationModes = ['All', 'ExactCount'];
const operators = ['Equal', 'Exists'];
const effects = ['NoExecute', 'NoSchedule'];

/** What a request asks for when it says no more. */
export function setDeviceClaimDefaults(claim: DeviceClaim | undefined): void {
  for (const request of claim?.requests ?? []) {
    for (const one of [request.exactly, ...(request.firstAvailable ?? [])]) {
      if (one === undefined) continue;
      if ((one.allocationMode ?? '') === '') one.allocationMode = 'ExactCount';
      if (one.allocationMode === 'ExactCount' && (one.count ?? 0) === 0) one.count = 1;
      for (const toleration of one.tolerations ?? [])
        if ((toleration.operator as string | undefined) === '') toleration.operator = 'Equal';
    }
  }
}

export function validateDeviceClaim(claim: DeviceClaim, path: string, violations: Violations): void {
  const { requests = [], constraints = [], config = [] } = claim;
  checkCount(requests, maxRequests, `${path}.requests`, violations);
  checkCount(constraints, maxConstraints, `${path}.constraints`, violations);
  checkCount(config, maxConfigs, `${path}.config`, violations);
  for (const [index, request] of requests.entries())
    validateRequest(request, `${path}.requests[${index}]`, violations);
  checkUnique(
    requests.map(({ name }) => name),
    (index) => `${path}.requests[${index}].name`,
    violations,
  );
  const names = requestNames(requests);
  for (const [index, constraint] of constraints.entries())
    validateConstraint(constraint, names, `${path}.constraints[${index}]`, violations);
  for (const [index, one] of config.entries())
    validateConfig(one, names, `${path}.config[${index}]`, violations);
}

function checkCount(list: readonly unknown[], max: number, path: string, violations: Violations): void {
  if (list.length > max) violations.tooMany(path, list.length, max);
}

/** A request, or one of its alternatives as `request/alternative`. */
function requestNames(requests: readonly DeviceRequest[]): ReadonlySet<string> {
  return new Set(
    requests.flatMap(({ name, firstAvailable = [] }) => [
      name,
      ...firstAvailable.map((alternative) => `${name}/${alternative.name}`),
    ]),
  );
}

function validateRequest(request: DeviceRequest, path: string, violations: Violations): void {
  const { name, exactly, firstAvailable = [] } = request;
  checkRequiredName(name, validateDns1123Label, `${path}.name`, violations);
  if (exactly !== undefined && firstAvailable.length > 0)
    violations.invalid(path, request, 'exactly one of `exactly` or `firstAvailable` is allowed');
  else if (exactly === undefined && firstAvailable.length === 0)
    violations.required(path, 'exactly one of `exactly` or `firstAvailable` is required');
  if (exactly !== undefined) validateDemand(exactly, `${path}.exactly`, violations);
  checkCount(firstAvailable, maxFirstAvailable, `${path}.firstAvailable`, violations);
  for (const [index, alternative] of firstAvailable.entries()) {
    const at = `${path}.firstAvailable[${index}]`;
    checkRequiredName(alternative.name, validateDns1123Label, `${at}.name`, violations);
    validateDemand(alternative, at, violations);
  }
  checkUnique(
    firstAvailable.map((one) => one.name),
    (index) => `${path}.firstAvailable[${index}].name`,
    violations,
  );
}

function validateDemand(
  demand: ExactDeviceRequest | DeviceSubRequest,
  path: string,
  violations: Violations,
): void {
  const { deviceClassName, allocationMode, count = 0, selectors = [], tolerations = [] } = demand;
  checkRequiredName(deviceClassName, validateDns1123Subdomain, `${path}.deviceClassName`, violations);
  validateSelectors(selectors, `${path}.selectors`, violations);
  if (allocationMode === 'All') {
    if (count !== 0)
      violations.invalid(`${path}.count`, count, "must not be specified when allocationMode is 'All'");
  } else if (allocationMode === 'ExactCount') {
    if (count <= 0) violations.invalid(`${path}.count`, count, 'must be greater than zero');
  } else violations.notSupported(`${path}.allocationMode`, allocationMode, allocationModes);
  checkCount(tolerations, maxTolerations, `${path}.tolerations`, violations);
  for (const [index, toleration] of tolerations.entries())
    validateToleration(toleration, `${path}.tolerations[${index}]`, violations);
}

function validateToleration(toleration: DeviceToleration, path: string, violations: Violations): void {
  const { key = '', operator, value = '', effect } = toleration;
  if (key !== '') violations.invalidEach(`${path}.key`, key, validateQualifiedName(key));
  checkOneOf(operator, operators, `${path}.operator`, violations);
  if (operator === 'Equal' && key === '') violations.required(`${path}.key`);
  if (operator === 'Exists' && value !== '')
    violations.invalid(`${path}.value`, value, 'must be empty for operator `Exists`');
  if ((effect ?? '') !== '') checkOneOf(effect, effects, `${path}.effect`, violations);
}

export function validateSelectors(
  selectors: readonly DeviceSelector[],
  path: string,
  violations: Violations,
): void {
  checkCount(selectors, maxSelectors, path, violations);
  for (const [index, { cel }] of selectors.entries()) {
    const at = `${path}[${index}].cel`;
    if (cel === undefined) {
      violations.required(at);
      continue;
    }
    if (!checkRequired(cel.expression, `${at}.expression`, violations)) continue;
    if (cel.expression.length > maxExpressionLength)
      violations.tooLong(`${at}.expression`, maxExpressionLength);
    else checkDeviceExpression(cel.expression, `${at}.expression`, violations);
  }
}

function validateRequestReferences(
  requests: readonly string[],
  names: ReadonlySet<string>,
  path: string,
  violations: Violations,
): void {
  checkCount(requests, maxRequests, path, violations);
  checkUnique(requests, (index) => `${path}[${index}]`, violations);
  for (const [index, name] of requests.entries())
    if (!names.has(name))
      violations.invalid(
        `${path}[${index}]`,
        name,
        "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
      );
}

function validateConstraint(
  constraint: DeviceConstraint,
  names: ReadonlySet<string>,
  path: string,
  violations: Violations,
): void {
  const { requests = [], matchAttribute, distinctAttribute } = constraint;
  validateRequestReferences(requests, names, `${path}.requests`, violations);
  if (matchAttribute === undefined && distinctAttribute === undefined)
    violations.required(path, 'exactly one of `matchAttribute` or `distinctAttribute` is required');
  if (matchAttribute !== undefined)
    validateFullyQualifiedName(matchAttribute, `${path}.matchAttribute`, violations);
  if (distinctAttribute !== undefined)
    validateFullyQualifiedName(distinctAttribute, `${path}.distinctAttribute`, violations);
}

/** `dra.example.com/numa`: attributes of devices, with the driver that they belong to. */
function validateFullyQualifiedName(name: string, path: string, violations: Violations): void {
  const [domain = '', identifier = '', ...rest] = name.split('/');
  if (domain === '' || identifier === '' || rest.length > 0) {
    violations.invalid(path, name, 'must include a domain');
    return;
  }
  violations.invalidEach(path, domain, validateDns1123Subdomain(domain));
  validateIdentifier(identifier, path, violations);
}

const maxIdentifierLength = 32;

/** Names that CEL can use as they stand. */
export function validateIdentifier(name: string, path: string, violations: Violations): void {
  if (name.length > maxIdentifierLength) violations.tooLong(path, maxIdentifierLength);
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    violations.invalid(
      path,
      name,
      "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')",
    );
}

function validateConfig(
  config: DeviceClaimConfiguration,
  names: ReadonlySet<string>,
  path: string,
  violations: Violations,
): void {
  validateRequestReferences(config.requests ?? [], names, `${path}.requests`, violations);
  validateOpaqueConfig(config, path, violations);
}

export function validateOpaqueConfig(
  { opaque }: DeviceConfiguration,
  path: string,
  violations: Violations,
): void {
  if (opaque === undefined) {
    violations.required(`${path}.opaque`);
    return;
  }
  checkDriverName(opaque.driver, `${path}.opaque.driver`, violations);
  const { parameters } = opaque;
  const at = `${path}.opaque.parameters`;
  if (parameters === undefined) violations.required(at);
  else if (typeof parameters !== 'object' || parameters === null || Array.isArray(parameters))
    violations.invalid(at, parameters, 'must be a valid JSON object');
  else if (JSON.stringify(parameters).length > maxParametersBytes) violations.tooLong(at, maxParametersBytes);
}
