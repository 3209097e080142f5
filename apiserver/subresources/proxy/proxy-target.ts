/** Whom a request to a proxy subresource is for: pure rules from the names in the URL and the objects behind them. */
import { BlockList, isIPv6 } from 'node:net';
import type { Endpoints, EndpointAddress, Pod, Service } from '../../../api/generated/core-v1.js';
import { StatusError } from '../../../api/status-error.js';

export interface ProxyName {
  readonly scheme: 'http' | 'https';
  readonly name: string;
  /** A number or the name of a port; '' where the client leaves it open. */
  readonly port: string;
}

export interface ProxyAddress {
  readonly host: string;
  /** '' for the one that belongs to the scheme. */
  readonly port: string;
}

/** Reads `name`, `name:port` or `scheme:name:port`. Throws BadRequest. */
export function parseProxyName(text: string, what: 'pod' | 'service' | 'node'): ProxyName {
  const parts = text.split(':');
  const [scheme = '', name = '', port = ''] = parts.length === 3 ? parts : ['', ...parts];
  if (parts.length > 3 || name === '' || !['', 'http', 'https'].includes(scheme))
    throw new StatusError('BadRequest', `invalid ${what} request ${JSON.stringify(text)}`);
  return { scheme: scheme === 'https' ? 'https' : 'http', name, port };
}

/** The pod's address; without a port the first one that a container declares. Throws BadRequest. */
export function podAddress({ spec, status }: Pod, { port }: ProxyName): ProxyAddress {
  const host = status.podIP ?? '';
  if (!isProxyable(host)) throw new StatusError('BadRequest', 'address not allowed');
  if (port !== '') return { host, port };
  const declared = spec.containers.flatMap(({ ports = [] }) => ports)[0];
  return { host, port: declared === undefined ? '' : String(declared.containerPort) };
}

/** The name of the Service's port that is asked for by number or name. Throws ServiceUnavailable. */
export function servicePortName({ metadata, spec }: Service, { port }: ProxyName): string {
  if (!/^\d+$/.test(port)) return port;
  const found = (spec.ports ?? []).find((one) => one.port === Number(port));
  if (found === undefined)
    throw new StatusError(
      'ServiceUnavailable',
      `no service port ${port} found for service "${metadata.name}"`,
    );
  return found.name ?? '';
}

export interface EndpointCandidate {
  readonly address: ProxyAddress;
  /** The pod that must have this address. */
  readonly podName: string;
}

/**
 * Ready addresses with the port of that name, beginning at a random one. An address that is no pod's of the same
 * namespace is left out: whoever may write Endpoints could otherwise reach anything through this server.
 */
export function endpointCandidates(
  { metadata, subsets = [] }: Endpoints,
  portName: string,
  random: () => number,
): readonly EndpointCandidate[] {
  const found = subsets.flatMap(({ addresses = [], ports = [] }) => {
    const port = ports.find(({ name = '' }) => name === portName);
    if (port === undefined) return [];
    return addresses.filter(isPodOf(metadata.namespace)).map((address) => ({
      address: { host: address.ip, port: String(port.port) },
      podName: address.targetRef?.name ?? '',
    }));
  });
  const start = Math.floor(random() * found.length);
  return [...found.slice(start), ...found.slice(0, start)];
}

function isPodOf(namespace: string | undefined): (address: EndpointAddress) => boolean {
  return ({ ip, targetRef }) =>
    targetRef?.kind === 'Pod' && targetRef.namespace === namespace && isProxyable(ip);
}

export function hasAddress({ status }: Pod, ip: string): boolean {
  return status.podIP === ip || (status.podIPs ?? []).some((one) => one.ip === ip);
}

const forbidden = new BlockList();
forbidden.addAddress('0.0.0.0');
forbidden.addAddress('255.255.255.255');
forbidden.addSubnet('127.0.0.0', 8);
forbidden.addSubnet('169.254.0.0', 16);
forbidden.addSubnet('224.0.0.0', 4);
forbidden.addAddress('::', 'ipv6');
forbidden.addAddress('::1', 'ipv6');
forbidden.addSubnet('fe80::', 10, 'ipv6');
forbidden.addSubnet('ff00::', 8, 'ipv6');

/** A pod that claims to be at a loopback or link-local address would lead into this machine. */
export function isProxyable(ip: string): boolean {
  return ip !== '' && !forbidden.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4');
}
