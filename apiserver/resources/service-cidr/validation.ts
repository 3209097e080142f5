import type { ServiceCIDR } from '../../../api/generated/networking-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkCidr } from '../checks.js';

/** One for each family of addresses. */
const maxCidrs = 2;

export function validateServiceCidr({ spec }: ServiceCIDR, violations: Violations): void {
  const { cidrs = [] } = spec;
  if (cidrs.length === 0) {
    violations.required('spec.cidrs', 'at least one CIDR required');
    return;
  }
  if (cidrs.length > maxCidrs) {
    violations.invalid('spec.cidrs', cidrs, 'may only hold up to 2 values');
    return;
  }
  const parsed = cidrs.map((cidr, index) => checkCidr(cidr, `spec.cidrs[${index}]`, violations));
  const [first, second] = parsed;
  if (first !== undefined && second !== undefined && first.family === second.family)
    violations.invalid(
      'spec.cidrs',
      cidrs,
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96',
    );
}

/** Addresses were given out of it: all that can change is that a second family comes. */
export function validateServiceCidrUpdate(
  { spec }: ServiceCIDR,
  before: ServiceCIDR,
  violations: Violations,
): void {
  const old = before.spec.cidrs ?? [];
  const next = spec.cidrs ?? [];
  if (next.length < old.length) violations.invalid('spec.cidrs', next, 'field is immutable');
  else
    for (const [index, cidr] of old.entries())
      if (next[index] !== cidr) violations.invalid(`spec.cidrs[${index}]`, next[index], 'field is immutable');
}
