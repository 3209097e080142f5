import type {
  CertificateSigningRequest,
  CertificateSigningRequestCondition,
} from '../../../api/generated/certificates-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain } from '../../../api/names.js';
import { checkOneOf, checkRequired, checkUnique } from '../checks.js';
import { problemOfCertificates, problemOfRequest } from './parse-request.js';

const usages = [
  'any',
  'cert sign',
  'client auth',
  'code signing',
  'content commitment',
  'crl sign',
  'data encipherment',
  'decipher only',
  'digital signature',
  'email protection',
  'encipher only',
  'ipsec end system',
  'ipsec tunnel',
  'ipsec user',
  'key agreement',
  'key encipherment',
  'microsoft sgc',
  'netscape sgc',
  'ocsp signing',
  's/mime',
  'server auth',
  'signing',
  'timestamping',
];
const legacySigner = 'kubernetes.io/legacy-unknown';
const minExpirationSeconds = 600;
const maxSignerNameBytes = 571;
/** Conditions that decide the request's fate; each can only be true. */
const decisions = ['Approved', 'Denied', 'Failed'];

export function validateCertificateSigningRequest(
  { spec, status }: CertificateSigningRequest,
  violations: Violations,
): void {
  const problem = problemOfRequest(Buffer.from(spec.request, 'base64').toString());
  if (problem !== undefined) violations.invalid('spec.request', spec.request, problem);
  validateSignerName(spec.signerName, violations);
  const given = spec.usages ?? [];
  if (given.length === 0) violations.required('spec.usages');
  for (const [index, usage] of given.entries())
    checkOneOf(usage, usages, `spec.usages[${index}]`, violations);
  checkUnique(given, (index) => `spec.usages[${index}]`, violations);
  const seconds = spec.expirationSeconds;
  if (seconds !== undefined && seconds < minExpirationSeconds)
    violations.invalid(
      'spec.expirationSeconds',
      seconds,
      'may not specify a duration less than 600 seconds (10 minutes)',
    );
  validateConditions(status.conditions ?? [], violations);
}

/** `example.com/name`: the domain says whose signer it is. */
function validateSignerName(name: string, violations: Violations): void {
  const path = 'spec.signerName';
  if (!checkRequired(name, path, violations)) return;
  if (name === legacySigner) {
    violations.invalid(path, name, 'the legacy signerName is not allowed via this API version');
    return;
  }
  if (Buffer.byteLength(name) > maxSignerNameBytes) violations.tooLong(path, maxSignerNameBytes);
  const slash = name.indexOf('/');
  if (slash < 0 || name.indexOf('/', slash + 1) >= 0) {
    violations.invalid(
      path,
      name,
      "must be a fully qualified domain and path of the form 'example.com/signer-name'",
    );
    return;
  }
  const domain = name.slice(0, slash);
  violations.invalidEach(path, domain, validateDns1123Subdomain(domain));
  if (!domain.includes('.'))
    violations.invalid(path, domain, 'should be a domain with at least two segments separated by dots');
  violations.invalidEach(path, name.slice(slash + 1), validateDns1123Subdomain(name.slice(slash + 1)));
}

function validateConditions(
  conditions: readonly CertificateSigningRequestCondition[],
  violations: Violations,
): void {
  const types = conditions.map(({ type }) => type);
  for (const [index, { type, status }] of conditions.entries()) {
    const path = `status.conditions[${index}]`;
    checkRequired(type, `${path}.type`, violations);
    if (status === '') violations.required(`${path}.status`);
    else if (decisions.includes(type) && status !== 'True')
      violations.notSupported(`${path}.status`, status, ['True']);
    else checkOneOf(status, ['True', 'False', 'Unknown'], `${path}.status`, violations);
  }
  if (types.includes('Approved') && types.includes('Denied'))
    violations.invalid('status.conditions', types, 'Approved and Denied conditions are mutually exclusive');
  checkUnique(types, (index) => `status.conditions[${index}].type`, violations);
}

/** A decision is final, and so is a certificate. */
export function validateCertificateSigningRequestStatus(
  { status }: CertificateSigningRequest,
  before: CertificateSigningRequest,
  violations: Violations,
): void {
  validateConditions(status.conditions ?? [], violations);
  const types = new Set((status.conditions ?? []).map(({ type }) => type));
  for (const { type } of before.status.conditions ?? [])
    if (decisions.includes(type) && !types.has(type))
      violations.forbidden(
        'status.conditions',
        `updates may not remove a condition of type ${JSON.stringify(type)}`,
      );
  const certificate = status.certificate ?? '';
  const old = before.status.certificate ?? '';
  if (old !== '' && certificate !== old)
    violations.forbidden('status.certificate', 'updates may not set certificate content once set');
  else if (certificate !== '' && certificate !== old) {
    const problem = problemOfCertificates(Buffer.from(certificate, 'base64').toString());
    if (problem !== undefined) violations.invalid('status.certificate', '<certificate data>', problem);
  }
}
