/** IPv4 addresses as numbers, so that ranges can be walked; ip-cidr reads the CIDR notation. */
import IPCIDR from 'ip-cidr';

const dottedQuad = /^(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})\.(0|[1-9]\d{0,2})$/;

/** The address as a number from 0 to 2^32-1, or undefined when the text is not an IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const match = dottedQuad.exec(text);
  if (match === null) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    const byte = Number(part);
    if (byte > 255) return undefined;
    value = value * 256 + byte;
  }
  return value;
}

export function formatAddress(address: number): string {
  return addressBytes(address).join('.');
}

/** In network byte order. */
export function addressBytes(address: number): Uint8Array {
  return Uint8Array.of(address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255);
}

export interface Subnet {
  readonly network: number;
  readonly broadcast: number;
  readonly prefixLength: number;
}

/** Reads `10.244.0.0/24`; undefined when it is not an IPv4 subnet. Bits after the prefix are ignored. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', length] = text.split('/');
  if (parseAddress(address) === undefined || length === undefined || !IPCIDR.isValidCIDR(text)) {
    return undefined;
  }
  const [first, last] = new IPCIDR(text).toRange<string>();
  const network = parseAddress(first);
  const broadcast = parseAddress(last);
  if (network === undefined || broadcast === undefined) return undefined;
  return { network, broadcast, prefixLength: Number(length) };
}

/** A locally administered MAC that says which address it belongs to: `0a:58` and the four bytes. */
export function macOf(address: number, firstByte: 0x0a | 0x0e = 0x0a): string {
  return [firstByte, 0x58, ...addressBytes(address)]
    .map((byte) => byte.toString(16).padStart(2, '0'))
    .join(':');
}

export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(':'), (byte) => Number.parseInt(byte, 16));
}
