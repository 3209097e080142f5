/**
 * Holds the claims on cluster IPs and node ports to what the Services say, as Kubernetes' repair loops do. A server
 * that ended between a claim and the write of its Service leaves a claim for nobody; a store of an older version has
 * Services without claims.
 */
import type { Service } from '../../api/generated/core-v1.js';
import type { Clock } from '../../common/clock.js';
import { sleep } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AddressClaims } from '../resources/service/address-claims.js';
import { ownerOf } from '../resources/service/address-claims.js';
import type { PortClaims } from '../resources/service/port-claims.js';
import { nameOf } from '../resources/service/service-allocator.js';
import { allocatedIp, allocatedPorts } from '../resources/service/service-kinds.js';
import type { ResourceStorage } from '../storage/resource-storage.js';

const intervalMs = 3 * 60_000;
/** A claim younger than this may belong to a Service that is being written. */
const graceMs = 60_000;

export interface ServiceClaims {
  readonly services: ResourceStorage<Service>;
  readonly addressClaims: AddressClaims;
  readonly portClaims: PortClaims;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Repairs every three minutes until the signal aborts. Errors are logged; the next round tries again. */
export async function runServiceClaimRepair(claims: ServiceClaims, signal: AbortSignal): Promise<void> {
  let unowned: ReadonlySet<number> = new Set();
  for (;;) {
    await sleep(claims.clock, intervalMs, signal);
    if (signal.aborted) return;
    try {
      unowned = await repairServiceClaims(claims, unowned);
    } catch (error) {
      claims.log.warn('the claims of Services could not be checked; tried again later', { err: error });
    }
  }
}

/**
 * One round. Returns the node ports that nobody has; those among them that were `unownedBefore` are given back: in
 * between, who has taken one has written his Service.
 */
export async function repairServiceClaims(
  claims: ServiceClaims,
  unownedBefore: ReadonlySet<number>,
): Promise<ReadonlySet<number>> {
  // Claims first: one that is made after this look is of a Service that comes into the second.
  const addresses = await claims.addressClaims.list();
  const { items } = await claims.services.list({ namespace: '' });
  const services = items.map(({ object }) => object);
  await repairAddresses(claims, services, addresses);
  const held = new Set(services.flatMap(({ spec }) => [...allocatedPorts(spec)]));
  return claims.portClaims.change((taken) => {
    const unowned = new Set<number>();
    for (const port of held) taken.add(port);
    for (const port of [...taken]) {
      if (held.has(port)) continue;
      if (unownedBefore.has(port)) taken.delete(port);
      else unowned.add(port);
    }
    return unowned;
  });
}

async function repairAddresses(
  { addressClaims, clock, log }: ServiceClaims,
  services: readonly Service[],
  claimed: Awaited<ReturnType<AddressClaims['list']>>,
): Promise<void> {
  const ownerByAddress = new Map<string, string>();
  for (const service of services) {
    const address = allocatedIp(service.spec);
    if (address === undefined) continue;
    const { namespace, name } = nameOf(service);
    const other = ownerByAddress.get(address);
    if (other !== undefined)
      log.error('two Services have one cluster IP: delete one of them', {
        address,
        services: [other, `${namespace}/${name}`],
      });
    else ownerByAddress.set(address, `${namespace}/${name}`);
  }
  const owners = new Map(claimed.map((claim) => [claim.metadata.name, claim]));
  for (const service of services) {
    const address = allocatedIp(service.spec);
    if (address !== undefined && !owners.has(address)) await addressClaims.take(address, nameOf(service));
  }
  for (const claim of claimed) {
    const owner = ownerOf(claim);
    const { name: address, creationTimestamp } = claim.metadata;
    const isYoung = clock.now() - Date.parse(creationTimestamp) < graceMs;
    if (isYoung || ownerByAddress.get(address) === `${owner.namespace}/${owner.name}`) continue;
    log.warn('a cluster IP was claimed for nobody and is given back', {
      address,
      service: `${owner.namespace}/${owner.name}`,
    });
    await addressClaims.release(address, owner);
  }
}
