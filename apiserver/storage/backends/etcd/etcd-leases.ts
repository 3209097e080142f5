/**
 * Leases for records that expire. A lease each would cost etcd more than the record (Events come by the
 * thousand), so records written close together share one, as Kubernetes' lease manager does.
 */
import type { Clock } from '../../../../common/clock.js';
import { StoreError } from '../../store.js';
import type { EtcdClient } from './etcd-client.js';

/** A lease is shared for a twentieth of its time, at most a minute: a record lives that much longer. */
const sharedFraction = 0.05;
const sharedAtMostMs = 60_000;
/** All records of a lease vanish in one revision; this bounds its size. */
const recordsPerLease = 1_000;

interface SharedLease {
  readonly id: Promise<string>;
  readonly sharedUntilMs: number;
  records: number;
}

export class EtcdLeases {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  /** The lease in use for each time to live. */
  readonly #shared = new Map<number, SharedLease>();

  constructor(client: EtcdClient, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** The id of a lease that lasts at least `ttlSeconds` from now. Rejects with the error of the call. */
  async leaseFor(ttlSeconds: number): Promise<string> {
    const now = this.#clock.monotonicMs();
    let lease = this.#shared.get(ttlSeconds);
    if (lease === undefined || lease.sharedUntilMs <= now || lease.records >= recordsPerLease) {
      const sharedMs = Math.min(ttlSeconds * 1000 * sharedFraction, sharedAtMostMs);
      lease = {
        id: this.#grant(Math.ceil(ttlSeconds + sharedMs / 1000)),
        sharedUntilMs: now + sharedMs,
        records: 0,
      };
      this.#shared.set(ttlSeconds, lease);
    }
    lease.records++;
    try {
      return await lease.id;
    } catch (error) {
      if (this.#shared.get(ttlSeconds) === lease) this.#shared.delete(ttlSeconds);
      throw error;
    }
  }

  async #grant(ttlSeconds: number): Promise<string> {
    const answer = await this.#client.grantLease(ttlSeconds);
    if (answer.error !== '') throw new StoreError('unavailable', `etcd grants no lease: ${answer.error}`);
    return answer.ID;
  }
}
