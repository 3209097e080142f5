/**
 * One of several equal processes works, the others wait: a Lease that the holder renews, as in client-go.
 *
 * Nobody compares clocks of two machines: a lease counts as expired when it has not changed for its duration on the
 * observer's own clock. The guarantee is therefore "at most one leader" only as long as clocks run at about the same
 * rate; a holder that cannot renew stops working before the others may start (renewDeadline < leaseDuration).
 */
import { sleep, systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { Lease, LeaseSpec } from '../api/generated/coordination-v1.js';
import { leases } from '../api/resources.js';
import { isStatusError } from '../api/status-error.js';
import type { ClientMetrics } from './client-metrics.js';
import { noClientMetrics } from './client-metrics.js';
import { isAborted } from './is-aborted.js';
import { microTimestamp } from './timestamps.js';
import type { ApiClient } from './types.js';

export interface LeaderElectionOptions {
  readonly client: ApiClient;
  readonly lease: { readonly namespace: string; readonly name: string };
  /** Unique per process: host name and a random part. */
  readonly identity: string;
  readonly log: Logger;
  readonly metrics?: ClientMetrics;
  readonly clock?: Clock;
  readonly random?: () => number;
  readonly leaseDurationMs?: number;
  readonly renewDeadlineMs?: number;
  readonly retryPeriodMs?: number;
}

/** What a candidate does about the lease that it sees. Pure. */
export type LeaseDecision = 'create' | 'renew' | 'take-over' | 'wait';

export function decideOnLease(
  lease: Lease | undefined,
  identity: string,
  /** How long the candidate has seen this very state of the lease. */
  unchangedMs: number,
): LeaseDecision {
  if (lease === undefined) return 'create';
  const holder = lease.spec.holderIdentity ?? '';
  if (holder === identity) return 'renew';
  if (holder === '') return 'take-over';
  return unchangedMs > (lease.spec.leaseDurationSeconds ?? 0) * 1000 ? 'take-over' : 'wait';
}

/**
 * Waits to become the leader, then runs `lead` with a signal that aborts when leadership is lost or `signal`
 * aborts. Resolves after `signal` has aborted and the lease is given back; rejects when `lead` does, and when
 * leadership was lost (the process should end: its state may be behind that of the new leader).
 */
export async function runAsLeader(
  options: LeaderElectionOptions,
  lead: (signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const election = new Election(options);
  const { metrics = noClientMetrics, lease } = options;
  metrics.leading(lease.name, false);
  if (!(await election.acquire(signal))) return;
  metrics.leading(lease.name, true);
  const leading = new AbortController();
  const stop = (): void => {
    leading.abort(signal.reason);
  };
  signal.addEventListener('abort', stop, { once: true });
  const renewing = election.renewUntilLost(leading.signal).then((lost) => {
    leading.abort(new Error('leadership lost'));
    return lost;
  });
  try {
    await lead(leading.signal);
  } finally {
    metrics.leading(lease.name, false);
    leading.abort();
    signal.removeEventListener('abort', stop);
  }
  if (await renewing) throw new Error(`leadership of ${options.lease.name} was lost`);
  await election.release();
}

class Election {
  readonly #options: LeaderElectionOptions;
  readonly #clock: Clock;
  readonly #leaseDurationMs: number;
  readonly #renewDeadlineMs: number;
  readonly #retryPeriodMs: number;
  #observed: Lease | undefined;
  #observedAt = 0;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#leaseDurationMs = options.leaseDurationMs ?? 15_000;
    this.#renewDeadlineMs = options.renewDeadlineMs ?? 10_000;
    this.#retryPeriodMs = options.retryPeriodMs ?? 2_000;
  }

  /** True once this process holds the lease, false when the signal aborted first. */
  async acquire(signal: AbortSignal): Promise<boolean> {
    const { log, lease, identity } = this.#options;
    let said = false;
    while (!isAborted(signal)) {
      if (await this.#tryToHold()) {
        log.info('leading', { lease: lease.name, identity });
        return true;
      }
      if (!said) {
        said = true;
        log.info('waiting to lead', { lease: lease.name, holder: this.#observed?.spec.holderIdentity });
      }
      // Jitter, so that candidates do not collide each time.
      const jitter = 1 + 0.2 * (this.#options.random ?? Math.random)();
      await sleep(this.#clock, this.#retryPeriodMs * jitter, signal);
    }
    return false;
  }

  /** True when the lease was lost, false when the signal aborted. */
  async renewUntilLost(signal: AbortSignal): Promise<boolean> {
    let renewedAt = this.#clock.monotonicMs();
    for (;;) {
      await sleep(this.#clock, this.#retryPeriodMs, signal);
      if (isAborted(signal)) return false;
      if (await this.#tryToHold()) renewedAt = this.#clock.monotonicMs();
      else if (this.#clock.monotonicMs() - renewedAt >= this.#renewDeadlineMs) return true;
    }
  }

  /** Lets the next candidate start at once. Best effort: the lease would expire by itself. */
  async release(): Promise<void> {
    const held = this.#observed;
    if (held?.spec.holderIdentity !== this.#options.identity) return;
    try {
      await this.#options.client.resource(leases).update({
        ...held,
        spec: { ...held.spec, holderIdentity: '', leaseDurationSeconds: 1 },
      });
    } catch (error) {
      this.#options.log.info('the lease could not be given back and will expire', { err: error });
    }
  }

  /** One attempt to create, renew or take over; false when another one holds it or the server cannot be asked. */
  async #tryToHold(): Promise<boolean> {
    const resource = this.#options.client.resource(leases);
    try {
      const current = await this.#look();
      const unchangedMs = this.#clock.monotonicMs() - this.#observedAt;
      const decision = decideOnLease(current, this.#options.identity, unchangedMs);
      if (decision === 'wait') return false;
      const spec = this.#nextSpec(current?.spec, decision);
      const { namespace, name } = this.#options.lease;
      this.#remember(
        current === undefined
          ? await resource.create({
              apiVersion: 'coordination.k8s.io/v1',
              kind: 'Lease',
              metadata: { namespace, name },
              spec,
            })
          : await resource.update({ ...current, spec }),
      );
      return true;
    } catch (error) {
      if (!isStatusError(error)) throw error;
      // Somebody else was faster, or the server is away: either way this attempt did not succeed.
      this.#options.log.debug('the lease was not obtained', { err: error });
      return false;
    }
  }

  async #look(): Promise<Lease | undefined> {
    try {
      const lease = await this.#options.client.resource(leases).get(this.#options.lease);
      if (lease.metadata.resourceVersion !== this.#observed?.metadata.resourceVersion) this.#remember(lease);
      return lease;
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #remember(lease: Lease): void {
    this.#observed = lease;
    this.#observedAt = this.#clock.monotonicMs();
  }

  #nextSpec(before: LeaseSpec | undefined, decision: LeaseDecision): LeaseSpec {
    const now = microTimestamp(this.#clock.now());
    const transitions = before?.leaseTransitions ?? 0;
    return {
      holderIdentity: this.#options.identity,
      leaseDurationSeconds: Math.round(this.#leaseDurationMs / 1000),
      acquireTime: decision === 'renew' ? (before?.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: decision === 'take-over' ? transitions + 1 : transitions,
    };
  }
}
