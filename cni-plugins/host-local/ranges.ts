/** Which addresses may be handed out: pure arithmetic on the `ipam` part of a configuration. */
import { isObject, optionalArray, optionalString, refuseKeys, requiredString } from '../lib/json-reader.js';
import type { JsonObject } from '../lib/json-reader.js';
import { formatAddress, parseAddress, parseSubnet } from '../lib/ipv4.js';
import { CniError, errorCodes } from '../lib/spec.js';
import type { Route } from '../lib/spec.js';

/** Addresses `first` to `last`, both included, of one subnet. */
export interface AddressRange {
  readonly first: number;
  readonly last: number;
  readonly gateway: number;
  readonly prefixLength: number;
}

export interface IpamConfig {
  readonly ranges: readonly AddressRange[];
  readonly routes: readonly Route[];
  /** Folder with one folder per network. */
  readonly dataFolder: string;
}

const defaultDataFolder = '/var/lib/cni/networks';

export function readIpamConfig(ipam: JsonObject): IpamConfig {
  refuseKeys(ipam, ['resolvConf'], 'host-local');
  return {
    ranges: readRanges(ipam),
    routes: (optionalArray(ipam, 'routes', 'ipam.routes') ?? []).map(readRoute),
    dataFolder: optionalString(ipam, 'dataDir', 'ipam.dataDir') ?? defaultDataFolder,
  };
}

/** `subnet` directly under `ipam`, or `ranges`: a list of sets, each a list of ranges, one address from each set. */
function readRanges(ipam: JsonObject): readonly AddressRange[] {
  const sets = optionalArray(ipam, 'ranges', 'ipam.ranges');
  if (sets === undefined) return [readRange(ipam, 'ipam')];
  if (sets.length !== 1) {
    throw new CniError(
      errorCodes.unsupportedField,
      `"ipam.ranges" must have one set of ranges (one address for each container), but has ${sets.length}`,
    );
  }
  const [set] = sets;
  if (!Array.isArray(set) || set.length === 0) {
    throw new CniError(errorCodes.invalidConfiguration, '"ipam.ranges[0]" must be a list of ranges');
  }
  return set.map((range: unknown, index) =>
    readRange(isObject(range) ? range : {}, `ipam.ranges[0][${index}]`),
  );
}

function readRange(range: JsonObject, path: string): AddressRange {
  const text = requiredString(range, 'subnet', `${path}.subnet`);
  const subnet = parseSubnet(text);
  if (subnet === undefined || subnet.prefixLength > 30) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"${path}.subnet" must be an IPv4 subnet of /30 or larger, but is ${JSON.stringify(text)}`,
    );
  }
  const within = (key: string, otherwise: number): number => {
    const given = optionalString(range, key, `${path}.${key}`);
    if (given === undefined) return otherwise;
    const address = parseAddress(given);
    if (address === undefined || address <= subnet.network || address >= subnet.broadcast) {
      throw new CniError(
        errorCodes.invalidConfiguration,
        `"${path}.${key}" must be an address of ${text}, but is ${JSON.stringify(given)}`,
      );
    }
    return address;
  };
  const first = within('rangeStart', subnet.network + 1);
  const last = within('rangeEnd', subnet.broadcast - 1);
  if (first > last) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"${path}.rangeStart" ${formatAddress(first)} is after "rangeEnd" ${formatAddress(last)}`,
    );
  }
  return { first, last, gateway: within('gateway', subnet.network + 1), prefixLength: subnet.prefixLength };
}

function readRoute(entry: unknown): Route {
  const route = isObject(entry) ? entry : {};
  const dst = requiredString(route, 'dst', 'ipam.routes.dst');
  if (parseSubnet(dst) === undefined) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"ipam.routes.dst" must be an IPv4 subnet, but is ${JSON.stringify(dst)}`,
    );
  }
  const gw = optionalString(route, 'gw', 'ipam.routes.gw');
  if (gw !== undefined && parseAddress(gw) === undefined) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"ipam.routes.gw" must be an IPv4 address, but is ${JSON.stringify(gw)}`,
    );
  }
  return gw === undefined ? { dst } : { dst, gw };
}

/**
 * All addresses that may be handed out, in the order in which to try them: after the one given last, round to
 * it again. An address that was just given back is so used again as late as possible, which spares peers with
 * old ARP entries and connections from meeting a stranger.
 */
export function* candidates(
  ranges: readonly AddressRange[],
  lastGiven: number | undefined,
): Generator<{ readonly address: number; readonly range: AddressRange }> {
  const startIndex = ranges.findIndex(
    (range) => lastGiven !== undefined && lastGiven >= range.first && lastGiven <= range.last,
  );
  const start = startIndex < 0 ? undefined : ranges[startIndex];
  if (start === undefined || lastGiven === undefined) {
    for (const range of ranges) yield* addressesOf(range, range.first, range.last);
    return;
  }
  yield* addressesOf(start, lastGiven + 1, start.last);
  for (let step = 1; step < ranges.length; step++) {
    const range = ranges[(startIndex + step) % ranges.length];
    if (range !== undefined) yield* addressesOf(range, range.first, range.last);
  }
  yield* addressesOf(start, start.first, lastGiven);
}

function* addressesOf(
  range: AddressRange,
  from: number,
  to: number,
): Generator<{ readonly address: number; readonly range: AddressRange }> {
  for (let address = from; address <= to; address++) {
    if (address !== range.gateway) yield { address, range };
  }
}
