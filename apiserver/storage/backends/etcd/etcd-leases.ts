/**
 * Leases for records that expire. A lease each would cost etcd more than the record (Events come by the
 * thousand), so records written close together share one, as Kubernetes' lease manager does. They live in etcd and
 * not here: a restart takes new ones, and the old ones end when they were to end.
 */
import type { Clock } from '../../../../common/clock.js';
import { StoreError } from '../../store.js';
import type { EtcdClient } from './etcd-client.js';
import { EtcdCallError, storeErrorOf } from './etcd-errors.js';

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
  readonly #client: Pick<EtcdClient, 'grantLease'>;
  readonly #clock: Clock;
  /** The lease in use for each time to live. */
  readonly #shared = new Map<number, SharedLease>();

  constructor(client: Pick<EtcdClient, 'grantLease'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /**
   * Writes with a lease that lasts at least `ttlSeconds` from now. `write` is called a second time when etcd does
   * not know the lease any more (somebody revoked it, or this machine slept): nothing was written then.
   */
  async withLease<T>(ttlSeconds: number, write: (leaseId: string) => Promise<T>): Promise<T> {
    const lease = this.#leaseFor(ttlSeconds);
    try {
      return await write(await this.#idOf(lease, ttlSeconds));
    } catch (error) {
      if (!isLeaseGone(error)) throw error;
      this.#forget(lease, ttlSeconds);
      const next = this.#leaseFor(ttlSeconds);
      return write(await this.#idOf(next, ttlSeconds));
    }
  }

  #leaseFor(ttlSeconds: number): SharedLease {
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
    return lease;
  }

  async #idOf(lease: SharedLease, ttlSeconds: number): Promise<string> {
    try {
      return await lease.id;
    } catch (error) {
      this.#forget(lease, ttlSeconds);
      throw storeErrorOf(error);
    }
  }

  #forget(lease: SharedLease, ttlSeconds: number): void {
    if (this.#shared.get(ttlSeconds) === lease) this.#shared.delete(ttlSeconds);
  }

  async #grant(ttlSeconds: number): Promise<string> {
    const answer = await this.#client.grantLease(ttlSeconds);
    if (answer.error !== '') throw new StoreError('unavailable', `etcd grants no lease: ${answer.error}`);
    return answer.ID;
  }
}

function isLeaseGone(error: unknown): boolean {
  const cause = error instanceof StoreError ? error.cause : error;
  return cause instanceof EtcdCallError && cause.kind === 'lease-gone';
}
