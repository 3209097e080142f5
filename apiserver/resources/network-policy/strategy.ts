import type { NetworkPolicy } from '../../../api/generated/networking-v1.js';
import { networkPolicies } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateNetworkPolicy } from './validation.js';

export const networkPolicyStrategy: Strategy<NetworkPolicy> = {
  definition: networkPolicies,
  tracksGeneration: true,
  allowsCreateOnUpdate: true,
  setDefaults({ spec }) {
    for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
      for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
    // Who writes about egress means egress; everybody means ingress.
    if ((spec.policyTypes ?? []).length === 0)
      spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
  },
  validate: validateNetworkPolicy,
};
