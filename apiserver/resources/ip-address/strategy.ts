/** IPAddresses: who has which Service address. */
import type { IPAddress } from '../../../api/generated/networking-v1.js';
import { ipAddresses } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateIpAddress, validateIpAddressName, validateIpAddressUpdate } from './validation.js';

export const ipAddressStrategy: Strategy<IPAddress> = {
  definition: ipAddresses,
  validateName: validateIpAddressName,
  validate: validateIpAddress,
  validateUpdate: validateIpAddressUpdate,
};
