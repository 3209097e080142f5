import type { IngressClass, IngressClassParametersReference } from '../../../api/generated/networking-v1.js';
import type { Violations } from '../../../api/field-path.js';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePathSegmentName,
} from '../../../api/names.js';
import { checkDomainPrefixedPath, checkImmutable, checkRequiredName } from '../checks.js';

const scopes = ['Cluster', 'Namespace'];
const maxControllerLength = 250;

export function validateIngressClass({ spec }: IngressClass, violations: Violations): void {
  const { controller = '', parameters } = spec;
  if (controller.length > maxControllerLength) violations.tooLong('spec.controller', maxControllerLength);
  checkDomainPrefixedPath(controller, 'spec.controller', violations);
  if (parameters !== undefined) validateParameters(parameters, 'spec.parameters', violations);
}

function validateParameters(
  reference: IngressClassParametersReference,
  path: string,
  violations: Violations,
): void {
  const { apiGroup, kind, name, scope, namespace } = reference;
  if (apiGroup !== undefined)
    violations.invalidEach(`${path}.apiGroup`, apiGroup, validateDns1123Subdomain(apiGroup));
  checkRequiredName(kind, validatePathSegmentName, `${path}.kind`, violations);
  checkRequiredName(name, validatePathSegmentName, `${path}.name`, violations);
  switch (scope ?? '') {
    case '':
      violations.required(`${path}.scope`);
      return;
    case 'Cluster':
      if (namespace !== undefined)
        violations.forbidden(`${path}.namespace`, "`parameters.scope` is set to 'Cluster'");
      return;
    case 'Namespace':
      if (namespace === undefined)
        violations.required(`${path}.namespace`, "`parameters.scope` is set to 'Namespace'");
      else checkRequiredName(namespace, validateDns1123Label, `${path}.namespace`, violations);
      return;
    default:
      violations.notSupported(`${path}.scope`, scope, scopes);
  }
}

export function validateIngressClassUpdate(
  { spec }: IngressClass,
  before: IngressClass,
  violations: Violations,
): void {
  checkImmutable(spec.controller, before.spec.controller, 'spec.controller', violations);
}
