/** What follows from a Service's type. */
import type { Service, ServiceSpec } from '../../../api/generated/core-v1.js';

export const headless = 'None';

export function needsClusterIp(spec: ServiceSpec): boolean {
  return spec.type !== 'ExternalName';
}

export function isHeadless(spec: ServiceSpec): boolean {
  return spec.clusterIP === headless;
}

export function needsNodePorts(spec: ServiceSpec): boolean {
  return (
    spec.type === 'NodePort' || (spec.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false)
  );
}

/** The address that the Service holds in the range; undefined for headless and ExternalName Services. */
export function allocatedIp(spec: ServiceSpec): string | undefined {
  const address = spec.clusterIP ?? '';
  return !needsClusterIp(spec) || address === '' || address === headless ? undefined : address;
}

/** The node ports that the Service holds, each once. */
export function allocatedPorts(spec: ServiceSpec): ReadonlySet<number> {
  const ports = [...(spec.ports ?? []).map((port) => port.nodePort ?? 0), spec.healthCheckNodePort ?? 0];
  return new Set(ports.filter((port) => port !== 0));
}

/**
 * An update that does not mention what the server chose keeps it; what the new type has no use for goes, unless
 * the client has set it anew.
 */
export function carryAllocations({ spec }: Service, { spec: old }: Service): void {
  if (needsClusterIp(old) && needsClusterIp(spec)) {
    if ((spec.clusterIP ?? '') === '' && old.clusterIP !== undefined) spec.clusterIP = old.clusterIP;
    if (
      (spec.clusterIPs ?? []).length === 0 &&
      spec.clusterIP === old.clusterIP &&
      old.clusterIPs !== undefined
    )
      spec.clusterIPs = old.clusterIPs;
    if (spec.ipFamilies === undefined && old.ipFamilies !== undefined) spec.ipFamilies = old.ipFamilies;
    if (spec.ipFamilyPolicy === undefined && old.ipFamilyPolicy !== undefined)
      spec.ipFamilyPolicy = old.ipFamilyPolicy;
  }
  if (needsNodePorts(old) && needsNodePorts(spec)) carryNodePorts(spec, old);
  dropUnused(spec, old);
}

function carryNodePorts(spec: ServiceSpec, old: ServiceSpec): void {
  const kept = allocatedPorts(spec);
  const used = new Set([...allocatedPorts(old)].filter((port) => kept.has(port)));
  const byName = new Map((old.ports ?? []).map((port) => [port.name ?? '', port.nodePort ?? 0]));
  for (const port of spec.ports ?? []) {
    const before = byName.get(port.name ?? '') ?? 0;
    if ((port.nodePort ?? 0) !== 0 || before === 0 || used.has(before)) continue;
    port.nodePort = before;
    used.add(before);
  }
}

function dropUnused(spec: ServiceSpec, old: ServiceSpec): void {
  if (needsClusterIp(old) && !needsClusterIp(spec) && spec.clusterIP === old.clusterIP) {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    delete spec.ipFamilies;
    delete spec.ipFamilyPolicy;
    delete spec.internalTrafficPolicy;
  }
  if (needsNodePorts(old) && !needsNodePorts(spec)) {
    const before = allocatedPorts(old);
    for (const port of spec.ports ?? [])
      if (port.nodePort !== undefined && before.has(port.nodePort)) delete port.nodePort;
    if (spec.type !== 'LoadBalancer' && spec.externalTrafficPolicy === old.externalTrafficPolicy)
      delete spec.externalTrafficPolicy;
  }
  if (old.type === 'ExternalName' && spec.type !== 'ExternalName' && spec.externalName === old.externalName)
    delete spec.externalName;
}
