import { isIPv4, isIPv6 } from 'node:net';
import type { EndpointSlice } from '../../../api/generated/discovery-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Subdomain, validatePortNumber } from '../../../api/names.js';
import { validateEndpointAddress } from '../endpoints/validation.js';

const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const maxEndpoints = 1000;
const maxAddresses = 100;
const maxPorts = 20_000;

export function validateEndpointSlice(slice: EndpointSlice, violations: Violations): void {
  const { addressType } = slice;
  if (addressType === '') violations.required('addressType');
  else if (!addressTypes.includes(addressType))
    violations.notSupported('addressType', addressType, addressTypes);
  const endpoints = slice.endpoints;
  if (endpoints.length > maxEndpoints) violations.tooMany('endpoints', endpoints.length, maxEndpoints);
  for (const [index, { addresses }] of endpoints.entries()) {
    const path = `endpoints[${index}].addresses`;
    if (addresses.length === 0) violations.required(path, 'must contain at least 1 address');
    if (addresses.length > maxAddresses) violations.tooMany(path, addresses.length, maxAddresses);
    for (const [at, address] of addresses.entries())
      validateAddress(address, addressType, `${path}[${at}]`, violations);
  }
  const ports = slice.ports ?? [];
  if (ports.length > maxPorts) violations.tooMany('ports', ports.length, maxPorts);
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const name = port.name ?? '';
    if (names.has(name)) violations.duplicate(`ports[${index}].name`, name);
    names.add(name);
    if (port.port !== undefined)
      violations.invalidEach(`ports[${index}].port`, port.port, validatePortNumber(port.port));
  }
}

function validateAddress(address: string, type: string, path: string, violations: Violations): void {
  if (type === 'FQDN') {
    violations.invalidEach(path, address, validateDns1123Subdomain(address));
    return;
  }
  if (type === 'IPv4' && !isIPv4(address)) violations.invalid(path, address, 'must be an IPv4 address');
  else if (type === 'IPv6' && !isIPv6(address)) violations.invalid(path, address, 'must be an IPv6 address');
  else validateEndpointAddress(address, path, violations);
}

export function validateEndpointSliceUpdate(
  slice: EndpointSlice,
  before: EndpointSlice,
  violations: Violations,
): void {
  if (slice.addressType !== before.addressType)
    violations.invalid('addressType', slice.addressType, 'field is immutable');
}
