import { isIP } from 'node:net';
import type { Endpoints } from '../../../api/generated/core-v1.js';
import type { Violations } from '../../../api/field-path.js';
import { validateDns1123Label, validatePortNumber } from '../../../api/names.js';

const protocols = ['TCP', 'UDP', 'SCTP'];

/** An address that traffic can be sent to from another machine. */
export function validateEndpointAddress(address: string, path: string, violations: Violations): void {
  if (isIP(address) === 0)
    violations.invalid(path, address, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)');
  else if (address.startsWith('127.') || address === '::1')
    violations.invalid(path, address, 'may not be in the loopback range (127.0.0.0/8, ::1/128)');
  else if (address.startsWith('169.254.') || /^fe[89ab]/i.test(address))
    violations.invalid(path, address, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)');
  else if (address === '0.0.0.0' || address === '::')
    violations.invalid(path, address, `may not be unspecified (${address})`);
}

export function validateEndpoints({ subsets = [] }: Endpoints, violations: Violations): void {
  for (const [index, subset] of subsets.entries()) {
    const path = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    if (addresses.length === 0 && notReadyAddresses.length === 0)
      violations.required(path, 'must specify `addresses` or `notReadyAddresses`');
    for (const [list, entries] of Object.entries({ addresses, notReadyAddresses })) {
      for (const [at, { ip }] of entries.entries())
        validateEndpointAddress(ip, `${path}.${list}[${at}].ip`, violations);
    }
    for (const [at, port] of ports.entries()) {
      const portPath = `${path}.ports[${at}]`;
      const name = port.name ?? '';
      if (name === '' && ports.length > 1) violations.required(`${portPath}.name`);
      if (name !== '') violations.invalidEach(`${portPath}.name`, name, validateDns1123Label(name));
      violations.invalidEach(`${portPath}.port`, port.port, validatePortNumber(port.port));
      if (!protocols.includes(port.protocol ?? 'TCP'))
        violations.notSupported(`${portPath}.protocol`, port.protocol, protocols);
    }
  }
}
