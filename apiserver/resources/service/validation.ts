import { isIPv4 } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Label, validateDns1123Subdomain, validatePortNumber } from '../../../api/names.js';
import { validateLabels } from '../object-meta.js';
import { validatePortReference } from '../pod/container-validation.js';
import { headless, isHeadless, needsClusterIp, needsNodePorts } from './service-kinds.js';

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const protocols = ['SCTP', 'TCP', 'UDP'];
const affinities = ['ClientIP', 'None'];
const trafficPolicies = ['Cluster', 'Local'];

export function validateService({ spec }: Service, violations: Violations): void {
  const type = spec.type ?? '';
  if (!types.includes(type)) violations.notSupported('spec.type', type, types);
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && type !== 'ExternalName') violations.required('spec.ports');
  validatePorts(ports, spec, violations);
  validateLabels(spec.selector, 'spec.selector', violations);
  validateAddress(spec, violations);
  if (type === 'ExternalName') validateExternalName(spec, violations);
  if (!affinities.includes(spec.sessionAffinity ?? ''))
    violations.notSupported('spec.sessionAffinity', spec.sessionAffinity, affinities);
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (spec.sessionAffinity === 'ClientIP' && (seconds === undefined || seconds < 1 || seconds > 86_400))
    violations.invalid(
      'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
      seconds,
      'must be greater than 0 and less than 86400',
    );
  validateTrafficPolicies(spec, violations);
}

function validatePorts(ports: readonly ServicePort[], spec: ServiceSpec, violations: Violations): void {
  const names = new Set<string>();
  const portKeys = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `spec.ports[${index}]`;
    const name = port.name ?? '';
    if (name === '') {
      if (ports.length > 1) violations.required(`${path}.name`);
    } else {
      violations.invalidEach(`${path}.name`, name, validateDns1123Label(name));
      if (names.has(name)) violations.duplicate(`${path}.name`, name);
      names.add(name);
    }
    violations.invalidEach(`${path}.port`, port.port, validatePortNumber(port.port));
    if (!protocols.includes(port.protocol ?? ''))
      violations.notSupported(`${path}.protocol`, port.protocol, protocols);
    if (port.targetPort !== undefined)
      validatePortReference(port.targetPort, `${path}.targetPort`, violations);
    if ((port.nodePort ?? 0) !== 0 && !needsNodePorts(spec))
      violations.forbidden(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type ?? ''}'`);
    const key = `${port.protocol ?? ''}/${port.port}`;
    if (portKeys.has(key)) violations.duplicate(path, { protocol: port.protocol, port: port.port });
    portKeys.add(key);
  }
}

function validateAddress(spec: ServiceSpec, violations: Violations): void {
  const address = spec.clusterIP ?? '';
  if (!needsClusterIp(spec)) {
    if (address !== '') violations.forbidden('spec.clusterIPs', 'may not be set for ExternalName services');
    return;
  }
  const first = spec.clusterIPs?.[0];
  if (first !== undefined && first !== address)
    violations.invalid('spec.clusterIPs', spec.clusterIPs, 'first value must match `clusterIP`');
  if ((spec.clusterIPs ?? []).length > 1)
    violations.forbidden('spec.clusterIPs', 'this cluster has one address family');
  if (address === headless) {
    if (spec.type !== 'ClusterIP')
      violations.invalid(
        'spec.clusterIPs[0]',
        headless,
        `may not be set to 'None' for ${spec.type ?? ''} services`,
      );
  } else if (address !== '' && !isIPv4(address))
    violations.invalid('spec.clusterIPs[0]', address, 'must be a valid IPv4 address');
  if ((spec.ipFamilies ?? []).some((family) => family !== 'IPv4'))
    violations.invalid('spec.ipFamilies[0]', spec.ipFamilies?.[0], 'not configured on this cluster');
  if (spec.ipFamilyPolicy === 'RequireDualStack')
    violations.invalid(
      'spec.ipFamilyPolicy',
      spec.ipFamilyPolicy,
      'this cluster is not configured for dual-stack services',
    );
}

function validateExternalName(spec: ServiceSpec, violations: Violations): void {
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') violations.required('spec.externalName');
  else violations.invalidEach('spec.externalName', name, validateDns1123Subdomain(name));
}

function validateTrafficPolicies(spec: ServiceSpec, violations: Violations): void {
  for (const field of ['externalTrafficPolicy', 'internalTrafficPolicy'] as const) {
    const value = spec[field];
    if (value !== undefined && !trafficPolicies.includes(value))
      violations.notSupported(`spec.${field}`, value, trafficPolicies);
  }
  const external = spec.externalTrafficPolicy;
  if (external !== undefined && spec.type !== 'NodePort' && spec.type !== 'LoadBalancer')
    if ((spec.externalIPs ?? []).length === 0)
      violations.invalid(
        'spec.externalTrafficPolicy',
        external,
        'may only be set for externally-accessible services',
      );
}

/** The address of a Service is for life, unless its type takes it away. */
export function validateServiceUpdate({ spec }: Service, before: Service, violations: Violations): void {
  const old = before.spec;
  if (!needsClusterIp(old) || !needsClusterIp(spec)) return;
  const address = old.clusterIP ?? '';
  if (address !== '' && spec.clusterIP !== address)
    violations.invalid('spec.clusterIPs[0]', [spec.clusterIP ?? ''], 'may not change once set');
}
