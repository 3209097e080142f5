/** Ingresses: hosts and paths, and the Service behind each. */
import { isIP } from 'node:net';
import type {
  HTTPIngressPath,
  Ingress,
  IngressBackend,
  IngressRule,
  IngressTLS,
} from '../../../api/generated/networking-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  validateDns1035Label,
  validateDns1123Subdomain,
  validatePortName,
  validatePortNumber,
  validateWildcardDns1123Subdomain,
} from '../../../api/names.js';
import { checkRequired, checkRequiredName } from '../checks.js';

/** How an Ingress named its class before it had a field for that. */
export const classAnnotation = 'kubernetes.io/ingress.class';

const pathTypes = ['Exact', 'Prefix', 'ImplementationSpecific'];
const forbiddenInPaths = ['//', '/./', '/../', '%2f', '%2F'];
const forbiddenEndings = ['/..', '/.'];

export function validateIngress({ spec }: Ingress, violations: Violations): void {
  const { rules = [], defaultBackend, tls = [], ingressClassName } = spec;
  if (rules.length === 0 && defaultBackend === undefined)
    violations.invalid('spec', spec, 'either `defaultBackend` or `rules` must be specified');
  if (defaultBackend !== undefined) validateBackend(defaultBackend, 'spec.defaultBackend', violations);
  for (const [index, rule] of rules.entries()) validateRule(rule, `spec.rules[${index}]`, violations);
  for (const [index, one] of tls.entries()) validateTls(one, `spec.tls[${index}]`, violations);
  if (ingressClassName !== undefined)
    violations.invalidEach(
      'spec.ingressClassName',
      ingressClassName,
      validateDns1123Subdomain(ingressClassName),
    );
}

function validateHost(host: string, path: string, violations: Violations): void {
  const check = host.includes('*') ? validateWildcardDns1123Subdomain : validateDns1123Subdomain;
  violations.invalidEach(path, host, check(host));
}

function validateTls(
  { hosts = [], secretName = '' }: IngressTLS,
  path: string,
  violations: Violations,
): void {
  for (const [index, host] of hosts.entries()) validateHost(host, `${path}.hosts[${index}]`, violations);
  if (secretName !== '')
    violations.invalidEach(`${path}.secretName`, secretName, validateDns1123Subdomain(secretName));
}

function validateRule({ host = '', http }: IngressRule, path: string, violations: Violations): void {
  if (host !== '') {
    if (isIP(host) !== 0) violations.invalid(`${path}.host`, host, 'must be a DNS name, not an IP address');
    else validateHost(host, `${path}.host`, violations);
  }
  if (http === undefined) return;
  if (http.paths.length === 0) violations.required(`${path}.http.paths`);
  for (const [index, one] of http.paths.entries())
    validatePath(one, `${path}.http.paths[${index}]`, violations);
}

function validatePath(
  { path = '', pathType, backend }: HTTPIngressPath,
  at: string,
  violations: Violations,
): void {
  if ((pathType as string | undefined) === undefined || pathType === '')
    violations.required(`${at}.pathType`, 'pathType must be specified');
  else if (!pathTypes.includes(pathType)) violations.notSupported(`${at}.pathType`, pathType, pathTypes);
  else if (pathType !== 'ImplementationSpecific' || path !== '') {
    if (!path.startsWith('/')) violations.invalid(`${at}.path`, path, 'must be an absolute path');
    else if (pathType !== 'ImplementationSpecific') validateExactPath(path, `${at}.path`, violations);
  }
  validateBackend(backend, `${at}.backend`, violations);
}

function validateExactPath(path: string, at: string, violations: Violations): void {
  for (const part of forbiddenInPaths)
    if (path.includes(part)) violations.invalid(at, path, `must not contain '${part}'`);
  for (const ending of forbiddenEndings)
    if (path.endsWith(ending)) violations.invalid(at, path, `cannot end with '${ending}'`);
}

function validateBackend({ service, resource }: IngressBackend, path: string, violations: Violations): void {
  if (resource !== undefined && service !== undefined) {
    violations.invalid(path, '', 'cannot set both resource and service backends');
  } else if (resource !== undefined) {
    checkRequired(resource.kind, `${path}.resource.kind`, violations);
    checkRequired(resource.name, `${path}.resource.name`, violations);
  } else if (service === undefined) {
    violations.invalid(path, '', 'resource or service backend is required');
  } else {
    checkRequiredName(service.name, validateDns1035Label, `${path}.service.name`, violations);
    const { name = '', number = 0 } = service.port ?? {};
    if (name !== '' && number !== 0) violations.invalid(path, '', 'cannot set both port name & port number');
    else if (name !== '') violations.invalidEach(`${path}.service.port.name`, name, validatePortName(name));
    else if (number !== 0)
      violations.invalidEach(`${path}.service.port.number`, number, validatePortNumber(number));
    else violations.required(path, 'port name or number is required');
  }
}

/** Only at creation: what was made long ago with both stays as it is. */
export function validateIngressClassOnce({ metadata, spec }: Ingress, violations: Violations): void {
  const annotation = metadata.annotations?.[classAnnotation];
  if (annotation !== undefined && spec.ingressClassName !== undefined)
    violations.invalid(
      `annotations.${classAnnotation}`,
      annotation,
      'can not be set when the class field is also set',
    );
}

export function validateIngressStatus({ status }: Ingress, violations: Violations): void {
  for (const [index, { ip = '', hostname = '' }] of (status.loadBalancer?.ingress ?? []).entries()) {
    const path = `status.loadBalancer.ingress[${index}]`;
    if (ip !== '' && isIP(ip) === 0)
      violations.invalid(`${path}.ip`, ip, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
    if (hostname === '') continue;
    violations.invalidEach(`${path}.hostname`, hostname, validateDns1123Subdomain(hostname));
    if (isIP(hostname) !== 0)
      violations.invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address');
  }
}
