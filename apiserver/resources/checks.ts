/** Checks that several kinds share. Each writes what it finds to `violations`, under the path that it is given. */
import { BlockList, isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { Violations } from '../../api/field-path.js';
import type { NameCheck } from '../../api/names.js';
import { validateDns1123Subdomain } from '../../api/names.js';
import { parseQuantity } from '../../api/quantity.js';

/** The value is one of an enumeration; an absent one counts as ''. */
export function checkOneOf(
  value: string | undefined,
  supported: readonly string[],
  path: string,
  violations: Violations,
): void {
  if (!supported.includes(value ?? '')) violations.notSupported(path, value ?? '', supported);
}

/** The value is there, and has the form of a name. */
export function checkRequiredName(
  value: string | undefined,
  check: NameCheck,
  path: string,
  violations: Violations,
): void {
  if (value === undefined || value === '') violations.required(path);
  else violations.invalidEach(path, value, check(value));
}

/** The text is there. False when it is not. */
export function checkRequired(
  value: string | undefined,
  path: string,
  violations: Violations,
  detail = '',
): value is string {
  if (value !== undefined && value !== '') return true;
  violations.required(path, detail);
  return false;
}

/** The field is for life. */
export function checkImmutable(value: unknown, before: unknown, path: string, violations: Violations): void {
  if (!isDeepStrictEqual(value, before)) violations.invalid(path, value, 'field is immutable');
}

/** No value stands twice in the list; each one that does is reported where it comes again. */
export function checkUnique(
  values: readonly string[],
  pathOf: (index: number) => string,
  violations: Violations,
): void {
  const seen = new Set<string>();
  for (const [index, value] of values.entries()) {
    if (seen.has(value)) violations.duplicate(pathOf(index), value);
    seen.add(value);
  }
}

const maxDriverNameLength = 63;

/** Names of CSI and DRA drivers: a subdomain, shorter than others because it becomes part of labels and paths. */
export function checkDriverName(value: string, path: string, violations: Violations): void {
  if (!checkRequired(value, path, violations)) return;
  if (value.length > maxDriverNameLength) violations.tooLong(path, maxDriverNameLength);
  violations.invalidEach(path, value, validateDns1123Subdomain(value.toLowerCase()));
}

/** Names that say to whom they belong, `example.com/name`. */
export function checkDomainPrefixedPath(value: string, path: string, violations: Violations): void {
  if (!checkRequired(value, path, violations)) return;
  const slash = value.indexOf('/');
  if (slash <= 0 || slash === value.length - 1) {
    violations.invalid(path, value, 'must be a domain-prefixed path (such as "acme.io/foo")');
    return;
  }
  violations.invalidEach(path, value.slice(0, slash), validateDns1123Subdomain(value.slice(0, slash)));
  if (!/^[A-Za-z0-9/\-._~%!$&'()*+,;=:]+$/.test(value.slice(slash + 1)))
    violations.invalid(
      path,
      value.slice(slash + 1),
      "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')",
    );
}

/** Amounts that are not negative. */
export function checkNonNegativeQuantity(value: string, path: string, violations: Violations): void {
  if (parseQuantity(value).nanos < 0n) violations.invalid(path, value, 'must be greater than or equal to 0');
}

export const invalidCidr = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

export interface Cidr {
  readonly family: 4 | 6;
  readonly address: string;
  readonly prefix: number;
}

/** A range of addresses; undefined where the text is none. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', prefix = '', ...rest] = text.split('/');
  const family = isIP(address);
  const bits = /^(0|[1-9][0-9]{0,2})$/.test(prefix) ? Number(prefix) : Infinity;
  if (rest.length > 0 || (family !== 4 && family !== 6) || bits > (family === 4 ? 32 : 128)) return undefined;
  return { family, address, prefix: bits };
}

export function checkCidr(text: string, path: string, violations: Violations): Cidr | undefined {
  const cidr = parseCidr(text);
  if (cidr === undefined) violations.invalid(path, text, invalidCidr);
  return cidr;
}

/** Whether all addresses of `inner` are in `outer`, which has more. */
export function isStrictSubset(inner: Cidr, outer: Cidr): boolean {
  if (inner.family !== outer.family || inner.prefix <= outer.prefix) return false;
  const list = new BlockList();
  list.addSubnet(outer.address, outer.prefix, outer.family === 4 ? 'ipv4' : 'ipv6');
  return list.check(inner.address, inner.family === 4 ? 'ipv4' : 'ipv6');
}

const maxParametersBytes = 256 * 1024;
const maxParameters = 512;

/** Parameters that a driver understands and nobody else: a map that is merely not too large. */
export function checkDriverParameters(
  parameters: Readonly<Record<string, string>> | undefined,
  path: string,
  violations: Violations,
): void {
  const entries = Object.entries(parameters ?? {});
  if (entries.length > maxParameters) {
    violations.tooLong(path, maxParameters);
    return;
  }
  let bytes = 0;
  for (const [key, value] of entries) {
    if (key === '') violations.invalid(path, key, 'field can not be empty.');
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value);
  }
  if (bytes > maxParametersBytes) violations.tooLong(path, maxParametersBytes);
}
