import { isIP, SocketAddress } from 'node:net';
import type { IPAddress } from '../../../api/generated/networking-v1.js';
import type { Violations } from '../../../api/field-path.js';
import type { NameCheck } from '../../../api/names.js';
import {
  validateDns1123Label,
  validateDns1123Subdomain,
  validatePathSegmentName,
} from '../../../api/names.js';
import { checkImmutable, checkRequiredName } from '../checks.js';

/** The address itself is the name, so that nobody can have it twice. */
export const validateIpAddressName: NameCheck = (name) => {
  const family = isIP(name);
  if (family === 0) return ['must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'];
  const canonical = new SocketAddress({ address: name, family: family === 4 ? 'ipv4' : 'ipv6' }).address;
  return canonical === name ? [] : [`must be in canonical form ("${canonical}")`];
};

export function validateIpAddress({ spec }: IPAddress, violations: Violations): void {
  const parent = spec.parentRef as IPAddress['spec']['parentRef'] | undefined;
  if (parent === undefined) {
    violations.required('spec.parentRef');
    return;
  }
  const { group = '', resource, namespace = '', name } = parent;
  if (group !== '') violations.invalidEach('spec.parentRef.group', group, validateDns1123Subdomain(group));
  checkRequiredName(resource, validatePathSegmentName, 'spec.parentRef.resource', violations);
  checkRequiredName(name, validatePathSegmentName, 'spec.parentRef.name', violations);
  if (namespace !== '')
    violations.invalidEach('spec.parentRef.namespace', namespace, validateDns1123Label(namespace));
}

export function validateIpAddressUpdate(
  { spec }: IPAddress,
  before: IPAddress,
  violations: Violations,
): void {
  checkImmutable(spec.parentRef, before.spec.parentRef, 'spec.parentRef', violations);
}
