/**
 * Who has which cluster IP: an IPAddress for each, named like the address, so that the store itself lets only one
 * Service have it, through whichever server it was asked for (KEP-1880).
 */
import type { IPAddress } from '../../../api/generated/networking-v1.js';
import type { Draft } from '../../../api/objects.js';
import { isStatusError } from '../../../api/status-error.js';
import type { Clock } from '../../../common/clock.js';
import type { ResourceStorage } from '../../storage/resource-storage.js';
import { initializeMeta } from '../object-meta.js';

export interface ServiceName {
  readonly namespace: string;
  readonly name: string;
}

const managedByLabel = 'ipaddress.kubernetes.io/managed-by';
const managedBy = 'ipallocator.k8s.io';

export class AddressClaims {
  readonly #storageOf: () => ResourceStorage<IPAddress>;
  readonly #clock: Clock;

  /** `storage` is asked for with the first use: the table of what is served needs the claims, and holds the storage. */
  constructor(storage: () => ResourceStorage<IPAddress>, clock: Clock) {
    this.#storageOf = storage;
    this.#clock = clock;
  }

  get #storage(): ResourceStorage<IPAddress> {
    return this.#storageOf();
  }

  /** As far as this server has heard: to choose by, not to rely on. */
  isTaken(address: string): boolean {
    return this.#storage.isCached('', address);
  }

  /** False when somebody has it. Rejects with StoreError. */
  async take(address: string, owner: ServiceName): Promise<boolean> {
    const object: Draft<IPAddress> = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IPAddress',
      metadata: {
        name: address,
        labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', [managedByLabel]: managedBy },
      },
      spec: { parentRef: { resource: 'services', ...owner } },
    };
    const claim = object as IPAddress;
    initializeMeta(claim, this.#clock.now(), false);
    try {
      await this.#storage.create(claim);
      return true;
    } catch (error) {
      if (isStatusError(error, 'AlreadyExists')) return false;
      throw error;
    }
  }

  /** Gives back what this Service has; what is somebody else's stays. Idempotent. */
  async release(address: string, owner: ServiceName): Promise<void> {
    try {
      await this.#storage.guaranteedUpdate('', address, (current) =>
        isOwnedBy(current, owner) ? { kind: 'delete' } : { kind: 'keep' },
      );
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }

  /** All that were made here, and not by a person. */
  async list(): Promise<readonly IPAddress[]> {
    const { items } = await this.#storage.list({ namespace: '' });
    return items
      .map(({ object }) => object)
      .filter(({ metadata }) => metadata.labels?.[managedByLabel] === managedBy);
  }
}

export function ownerOf({ spec }: IPAddress): ServiceName {
  return { namespace: spec.parentRef.namespace ?? '', name: spec.parentRef.name };
}

function isOwnedBy({ spec }: IPAddress, { namespace, name }: ServiceName): boolean {
  const { resource, namespace: of = '', name: called } = spec.parentRef;
  return resource === 'services' && of === namespace && called === name;
}
