import type {
  IPBlock,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
} from '../../../api/generated/networking-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { checkCidr, checkOneOf, isStrictSubset } from '../checks.js';
import { validatePortReference } from '../pod/container-validation.js';
import { validateLabelSelector } from '../pod/template.js';

const protocols = ['TCP', 'UDP', 'SCTP'];
const policyTypes = ['Ingress', 'Egress'];

export function validateNetworkPolicy({ spec }: NetworkPolicy, violations: Violations): void {
  validateLabelSelector(spec.podSelector ?? {}, 'spec.podSelector', violations);
  for (const [index, rule] of (spec.ingress ?? []).entries())
    validateRule(rule.ports, rule.from, `spec.ingress[${index}]`, 'from', violations);
  for (const [index, rule] of (spec.egress ?? []).entries())
    validateRule(rule.ports, rule.to, `spec.egress[${index}]`, 'to', violations);
  const types = spec.policyTypes ?? [];
  if (types.length > policyTypes.length)
    violations.invalid('spec.policyTypes', types, 'may not specify more than two policyTypes');
  else
    for (const [index, type] of types.entries())
      checkOneOf(type, policyTypes, `spec.policyTypes[${index}]`, violations);
}

function validateRule(
  ports: readonly NetworkPolicyPort[] = [],
  peers: readonly NetworkPolicyPeer[] = [],
  path: string,
  peersName: string,
  violations: Violations,
): void {
  for (const [index, port] of ports.entries()) validatePort(port, `${path}.ports[${index}]`, violations);
  for (const [index, peer] of peers.entries())
    validatePeer(peer, `${path}.${peersName}[${index}]`, violations);
}

function validatePort(
  { protocol, port, endPort }: NetworkPolicyPort,
  path: string,
  violations: Violations,
): void {
  checkOneOf(protocol, protocols, `${path}.protocol`, violations);
  if (port !== undefined) validatePortReference(port, `${path}.port`, violations);
  if (endPort === undefined) return;
  const at = `${path}.endPort`;
  if (port === undefined)
    violations.invalid(at, endPort, 'may not be specified when `port` is not specified');
  else if (typeof port === 'string')
    violations.invalid(at, endPort, 'may not be specified when `port` is non-numeric');
  else {
    if (endPort < port) violations.invalid(at, endPort, 'must be greater than or equal to `port`');
    validatePortReference(endPort, at, violations);
  }
}

function validatePeer(peer: NetworkPolicyPeer, path: string, violations: Violations): void {
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (podSelector !== undefined) validateLabelSelector(podSelector, `${path}.podSelector`, violations);
  if (namespaceSelector !== undefined)
    validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, violations);
  if (ipBlock !== undefined) validateIpBlock(ipBlock, `${path}.ipBlock`, violations);
  const selects = podSelector !== undefined || namespaceSelector !== undefined;
  if (!selects && ipBlock === undefined) violations.required(path, 'must specify a peer');
  if (selects && ipBlock !== undefined)
    violations.forbidden(path, 'may not specify both ipBlock and another peer');
}

function validateIpBlock({ cidr, except = [] }: IPBlock, path: string, violations: Violations): void {
  if (cidr === '') {
    violations.required(`${path}.cidr`);
    return;
  }
  const outer = checkCidr(cidr, `${path}.cidr`, violations);
  for (const [index, text] of except.entries()) {
    const at = `${path}.except[${index}]`;
    const inner = checkCidr(text, at, violations);
    if (outer !== undefined && inner !== undefined && !isStrictSubset(inner, outer))
      violations.invalid(at, text, 'must be a strict subset of `cidr`');
  }
}
