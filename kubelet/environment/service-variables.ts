/** The environment variables by which Services are found without DNS. Pure. */
import type { Service } from '../../api/generated/core-v1.js';

/**
 * Variables for the Services of the Pod's namespace (with service links) and for `default/kubernetes` (always):
 * `WEB_SERVICE_HOST`, `WEB_SERVICE_PORT`, and Docker's older `WEB_PORT_80_TCP_ADDR` family.
 */
export function serviceVariables(
  services: readonly Service[],
  namespace: string,
  serviceLinks: boolean,
): Map<string, string> {
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const { name } = service.metadata;
    const isMaster = service.metadata.namespace === 'default' && name === 'kubernetes';
    const isOwn = service.metadata.namespace === namespace && serviceLinks;
    if (!hasClusterIp(service) || !(isMaster || isOwn)) continue;
    // A Service of the Pod's own namespace wins over the master's name.
    if (isOwn || !chosen.has(name)) chosen.set(name, service);
  }
  const variables = new Map<string, string>();
  for (const service of chosen.values()) addService(variables, service);
  return variables;
}

function hasClusterIp({ spec }: Service): boolean {
  return spec.clusterIP !== undefined && spec.clusterIP !== '' && spec.clusterIP !== 'None';
}

function addService(variables: Map<string, string>, { metadata, spec }: Service): void {
  const prefix = variableName(metadata.name);
  const host = spec.clusterIP ?? '';
  const ports = spec.ports ?? [];
  variables.set(`${prefix}_SERVICE_HOST`, host);
  const [first] = ports;
  if (first === undefined) return;
  variables.set(`${prefix}_SERVICE_PORT`, String(first.port));
  for (const port of ports) {
    if (port.name !== undefined && port.name !== '')
      variables.set(`${prefix}_SERVICE_PORT_${variableName(port.name)}`, String(port.port));
  }
  const address = host.includes(':') ? `[${host}]` : host;
  for (const [index, port] of ports.entries()) {
    const protocol = (port.protocol ?? 'TCP').toLowerCase();
    const url = `${protocol}://${address}:${port.port}`;
    if (index === 0) variables.set(`${prefix}_PORT`, url);
    const portPrefix = `${prefix}_PORT_${port.port}_${protocol.toUpperCase()}`;
    variables.set(portPrefix, url);
    variables.set(`${portPrefix}_PROTO`, protocol);
    variables.set(`${portPrefix}_PORT`, String(port.port));
    variables.set(`${portPrefix}_ADDR`, host);
  }
}

function variableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase();
}
