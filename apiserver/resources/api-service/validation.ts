import type { APIService } from '../../../api/generated/apiregistration-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1035Label, validateDns1123Subdomain, validatePortNumber } from '../../../api/names.js';
import { checkImmutable, checkRequired } from '../checks.js';

const maxGroupPriority = 20_000;
const maxVersionPriority = 1_000;

export function validateApiService({ metadata, spec }: APIService, violations: Violations): void {
  const { group = '', version = '', service } = spec;
  if (metadata.name !== `${version}.${group}`)
    violations.invalid(
      'metadata.name',
      metadata.name,
      `must be \`spec.version+"."+spec.group\`: ${JSON.stringify(`${version}.${group}`)}`,
    );
  if (group !== '') violations.invalidEach('spec.group', group, validateDns1123Subdomain(group));
  // Without a group it is the core API, which has one version.
  else if (version !== 'v1')
    violations.required('spec.group', 'only v1 may have an empty group and it better be legacy kube');
  violations.invalidEach('spec.version', version, validateDns1035Label(version));
  checkRange(spec.groupPriorityMinimum, maxGroupPriority, 'spec.groupPriorityMinimum', violations);
  checkRange(spec.versionPriority, maxVersionPriority, 'spec.versionPriority', violations);
  if (service === undefined) {
    if ((spec.caBundle ?? '') !== '')
      violations.invalid(
        'spec.caBundle',
        `${Buffer.byteLength(spec.caBundle ?? '')} bytes`,
        'local APIServices may not have a caBundle',
      );
    if (spec.insecureSkipTLSVerify === true)
      violations.invalid(
        'spec.insecureSkipTLSVerify',
        true,
        'local APIServices may not have insecureSkipTLSVerify',
      );
    return;
  }
  checkRequired(service.namespace, 'spec.service.namespace', violations);
  checkRequired(service.name, 'spec.service.name', violations);
  for (const problem of validatePortNumber(service.port ?? 0))
    violations.invalid('spec.service.port', service.port ?? 0, `port is not valid: ${problem}`);
  if (spec.insecureSkipTLSVerify === true && (spec.caBundle ?? '') !== '')
    violations.invalid('spec.insecureSkipTLSVerify', true, 'may not be true if caBundle is present');
}

function checkRange(value: number, max: number, path: string, violations: Violations): void {
  if (value < 1 || value > max) violations.invalid(path, value, `must be positive and less than ${max}`);
}

export function validateApiServiceUpdate(
  { spec }: APIService,
  before: APIService,
  violations: Violations,
): void {
  checkImmutable(spec.group, before.spec.group, 'spec.group', violations);
  checkImmutable(spec.version, before.spec.version, 'spec.version', violations);
}
