/** The keys of the bridge plugin's configuration. */
import {
  optionalBoolean,
  optionalInteger,
  optionalString,
  refuseKeys,
  requiredObject,
} from '../lib/json-reader.js';
import type { JsonObject } from '../lib/json-reader.js';
import { requiredString } from '../lib/json-reader.js';
import { CniError, errorCodes } from '../lib/spec.js';
import type { NetworkConfig } from '../lib/spec.js';

export interface BridgeConfig {
  readonly bridge: string;
  /** The bridge gets the gateway's address and the containers a default route through it. */
  readonly isGateway: boolean;
  readonly hairpinMode: boolean;
  readonly mtu: number;
  readonly ipamType: string;
  readonly ipam: JsonObject;
}

/**
 * Features of other bridge plugins that Knarr does not have. Masquerading belongs to Knarr's proxy, which knows
 * all ranges of the cluster, and is therefore not repeated here per pod.
 */
const unsupportedKeys = [
  'ipMasq',
  'promiscMode',
  'vlan',
  'vlanTrunk',
  'macspoofchk',
  'enabledad',
  'portIsolation',
];
const defaultMtu = 1500;

export function readBridgeConfig(config: NetworkConfig): BridgeConfig {
  refuseKeys(config.raw, unsupportedKeys, 'bridge');
  const bridge = optionalString(config.raw, 'bridge') ?? 'cni0';
  if (!/^[^\s/:]{1,15}$/.test(bridge)) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"bridge" must be the name of a network device (1 to 15 characters), but is ${JSON.stringify(bridge)}`,
    );
  }
  const ipam = requiredObject(config.raw, 'ipam');
  return {
    bridge,
    isGateway:
      optionalBoolean(config.raw, 'isGateway', false) ||
      optionalBoolean(config.raw, 'isDefaultGateway', false),
    hairpinMode: optionalBoolean(config.raw, 'hairpinMode', true),
    mtu: optionalInteger(config.raw, 'mtu', 0, 65_535) || defaultMtu,
    ipamType: requiredString(ipam, 'type', 'ipam.type'),
    ipam,
  };
}
