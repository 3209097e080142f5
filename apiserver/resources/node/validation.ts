import { isDeepStrictEqual } from 'node:util';
import IPCIDR from 'ip-cidr';
import type { Node } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateLabelValue, validateQualifiedName } from '../../../api/names.js';

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateNode({ spec }: Node, violations: Violations): void {
  const seen = new Set<string>();
  for (const [index, { key, value = '', effect }] of (spec.taints ?? []).entries()) {
    const path = `spec.taints[${index}]`;
    violations.invalidEach(`${path}.key`, key, validateQualifiedName(key));
    violations.invalidEach(`${path}.value`, value, validateLabelValue(value));
    if (!effects.includes(effect)) violations.notSupported(`${path}.effect`, effect, effects);
    const identity = `${key}:${effect}`;
    if (seen.has(identity)) violations.duplicate(path, identity);
    seen.add(identity);
  }
  for (const [index, cidr] of (spec.podCIDRs ?? []).entries()) {
    if (!IPCIDR.isValidCIDR(cidr))
      violations.invalid(
        `spec.podCIDRs[${index}]`,
        cidr,
        'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
      );
  }
}

/** Pods have addresses from the node's range: once given, it stays. */
export function validateNodeUpdate({ spec }: Node, before: Node, violations: Violations): void {
  const old = before.spec.podCIDRs ?? [];
  if (old.length > 0 && !isDeepStrictEqual(spec.podCIDRs, old))
    violations.forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid');
  const provider = before.spec.providerID ?? '';
  if (provider !== '' && spec.providerID !== provider)
    violations.forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid');
}
