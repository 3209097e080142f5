/**
 * A thin gRPC client of etcd's v3 API over the members of one cluster.
 *
 * One endpoint is in use at a time, the first of the list that answers: reads and watches then see one member's
 * progress, and a cluster of three has two in reserve. It is left when a call fails, when it knows of no leader, or
 * when it hangs: a call that takes long makes the client ask the member for its status, which it answers from
 * memory, however slow the disk or the cluster is.
 *
 * What can be repeated is repeated on another endpoint. A transaction is sent once more only where the member says
 * that it did not begin.
 */
import { connectivityState, Metadata } from '@grpc/grpc-js';
import type { Client } from '@grpc/grpc-js';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { StoreError } from '../../store.js';
import { EtcdAuth } from './etcd-auth.js';
import type { EtcdCredentials } from './etcd-auth.js';
import { makeEndpoints } from './etcd-endpoint.js';
import type { EtcdEndpoint, EtcdTls, Unary, WatchStream } from './etcd-endpoint.js';
import { callError, EtcdCallError } from './etcd-errors.js';
import { HangDetector } from './hang-detector.js';
import type {
  LeaseGrantResponse,
  RangeRequest,
  RangeResponse,
  StatusResponse,
  TxnRequest,
  TxnResponse,
} from './etcd-messages.js';

export interface EtcdClientOptions {
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls;
  readonly credentials?: EtcdCredentials;
  readonly log: Logger;
  readonly clock: Clock;
}

/** etcd answers within a round of its cluster or not at all; a commit on a slow disk takes seconds. */
export const requestTimeoutMs = 10_000;
const connectTimeoutMs = 3_000;
/** So long an endpoint that failed a moment ago is not taken while another one is still connecting. */
const settleMs = 500;
const avoidMs = 5_000;
const tries = 3;

interface CallSettings {
  /** Asking twice does no harm. */
  readonly repeatable: boolean;
  readonly signal?: AbortSignal | undefined;
  /** Instead of the token of the user. */
  readonly metadata?: Metadata;
}

export class EtcdClient {
  readonly #endpoints: readonly EtcdEndpoint[];
  readonly #auth: EtcdAuth;
  readonly #hangs: HangDetector;
  readonly #log: Logger;
  readonly #clock: Clock;
  #current = 0;

  /** Throws `unavailable` for a malformed endpoint, or certificates that cannot be used. */
  constructor({ endpoints, tls, credentials, log, clock }: EtcdClientOptions) {
    this.#log = log;
    this.#clock = clock;
    this.#endpoints = makeEndpoints(endpoints, tls);
    this.#auth = new EtcdAuth(credentials, async ({ user, password }) => {
      const settings = { repeatable: true, metadata: new Metadata() };
      const request = { name: user, password };
      return (await this.#unary(({ auth }) => auth.authenticate.bind(auth), request, settings)).token;
    });
    this.#hangs = new HangDetector(clock, (endpoint, reason) => {
      this.#leave(endpoint, reason);
      for (const stream of endpoint.streams) stream.cancel();
    });
  }

  range(request: RangeRequest, signal?: AbortSignal): Promise<RangeResponse> {
    return this.#unary(({ kv }) => kv.range.bind(kv), request, { repeatable: true, signal });
  }

  /** Sent once. A rejection with kind `connection` leaves open whether it was applied; any other says it was not. */
  txn(request: TxnRequest): Promise<TxnResponse> {
    return this.#unary(({ kv }) => kv.txn.bind(kv), request, { repeatable: false });
  }

  async compact(revision: number): Promise<void> {
    const request = { revision, physical: false };
    await this.#unary(({ kv }) => kv.compact.bind(kv), request, { repeatable: true });
  }

  /** Where the answer is lost, the lease that nobody knows of ends by itself. */
  grantLease(ttlSeconds: number): Promise<LeaseGrantResponse> {
    const request = { TTL: ttlSeconds };
    return this.#unary(({ lease }) => lease.leaseGrant.bind(lease), request, { repeatable: true });
  }

  /** Seconds that a lease has left; 0 when it is over. */
  async leaseSecondsLeft(id: string): Promise<number> {
    const request = { ID: id };
    const settings = { repeatable: true };
    const answer = await this.#unary(({ lease }) => lease.leaseTimeToLive.bind(lease), request, settings);
    return Math.max(0, Number(answer.TTL));
  }

  /** Undefined where it is kept from this user: from 3.6 on, with authentication, it is for administrators. */
  async status(): Promise<StatusResponse | undefined> {
    const settings = { repeatable: true };
    try {
      return await this.#unary(({ maintenance }) => maintenance.status.bind(maintenance), {}, settings);
    } catch (error) {
      if (error instanceof EtcdCallError && error.kind === 'refused') return undefined;
      throw error;
    }
  }

  /** A new watch stream on the endpoint in use. The caller cancels it, and tells {@link watchFailed} of its failure. */
  async watch(): Promise<{ readonly stream: WatchStream; readonly endpoint: EtcdEndpoint }> {
    const metadata = await this.#auth.metadata();
    const endpoint = await this.connect();
    const stream = endpoint.watch.watch(metadata);
    endpoint.streams.add(stream);
    // An error reaches who iterates; after the last iteration (a cancelled stream ends in one) nobody needs it.
    stream.on('error', () => undefined);
    stream.on('close', () => endpoint.streams.delete(stream));
    return { stream, endpoint };
  }

  /** The next watch begins on another endpoint; after a cancellation by the server, which may be about the token, with a new one. */
  watchFailed(endpoint: EtcdEndpoint, reason: string, { cancelled }: { readonly cancelled: boolean }): void {
    if (cancelled) this.#auth.forget();
    else this.#leave(endpoint, reason);
  }

  /**
   * Resolves when an endpoint is connected, the one in use if it can be; throws `unavailable` after three seconds
   * without any, with the reason of each. What fails here was never sent, so that no write is in doubt.
   */
  async connect(signal?: AbortSignal): Promise<EtcdEndpoint> {
    const startMs = this.#clock.monotonicMs();
    for (;;) {
      signal?.throwIfAborted();
      const waitedMs = this.#clock.monotonicMs() - startMs;
      const chosen = this.#choose(waitedMs >= settleMs);
      if (chosen !== undefined) return chosen;
      if (waitedMs >= connectTimeoutMs) throw await this.#unreachable();
      const untilMs = Date.now() + (waitedMs < settleMs ? settleMs : connectTimeoutMs) - waitedMs;
      await Promise.race(this.#endpoints.map(({ kv }) => nextConnectivityState(kv, untilMs)));
    }
  }

  close(): void {
    this.#hangs.stop();
    for (const { kv } of this.#endpoints) kv.close();
  }

  get #endpoint(): EtcdEndpoint {
    return this.#endpoints[this.#current] as EtcdEndpoint;
  }

  /**
   * The first connected one, from the one in use on. At first, one that is still connecting is waited for, and one
   * that failed just now is not taken; when there was `time` enough, whatever is connected will do.
   */
  #choose(time: boolean): EtcdEndpoint | undefined {
    const nowMs = this.#clock.monotonicMs();
    let second: EtcdEndpoint | undefined;
    for (let step = 0; step < this.#endpoints.length; step++) {
      const endpoint = this.#endpoints[(this.#current + step) % this.#endpoints.length] as EtcdEndpoint;
      const avoided = endpoint.avoidUntilMs > nowMs;
      const state = endpoint.kv.getChannel().getConnectivityState(true);
      if (state === connectivityState.READY) {
        if (!avoided) return this.#use(endpoint);
        second ??= endpoint;
      } else if (state !== connectivityState.TRANSIENT_FAILURE && !avoided && !time) return undefined;
    }
    if (second === undefined || (!time && this.#endpoints.length > 1)) return undefined;
    return this.#use(second);
  }

  #use(endpoint: EtcdEndpoint): EtcdEndpoint {
    this.#current = this.#endpoints.indexOf(endpoint);
    return endpoint;
  }

  /** Calls that fail together leave an endpoint once. */
  #leave(endpoint: EtcdEndpoint, reason: string): void {
    endpoint.avoidUntilMs = this.#clock.monotonicMs() + avoidMs;
    if (endpoint !== this.#endpoint || this.#endpoints.length === 1) return;
    this.#current = (this.#current + 1) % this.#endpoints.length;
    this.#log.warn('an etcd endpoint failed; another one is used', { endpoint: endpoint.url, reason });
  }

  async #unreachable(): Promise<StoreError> {
    const reasons = await Promise.all(
      this.#endpoints.map(async (endpoint) => {
        const reason = await this.#hangs.probe(endpoint);
        return `${endpoint.url} (${reason ?? 'it answers now'})`;
      }),
    );
    return new StoreError('unavailable', `no etcd endpoint can be reached: ${reasons.join(', ')}`);
  }

  async #unary<Q, R>(
    method: (endpoint: EtcdEndpoint) => Unary<Q, R>,
    request: Q,
    settings: CallSettings,
  ): Promise<R> {
    const { repeatable, signal } = settings;
    for (let attempt = 1; ; attempt++) {
      const token =
        settings.metadata === undefined ? this.#auth.metadata() : Promise.resolve(settings.metadata);
      const metadata = await token;
      const endpoint = await this.connect(signal);
      signal?.throwIfAborted();
      try {
        return await this.#send(endpoint, method(endpoint), request, metadata, signal);
      } catch (error) {
        signal?.throwIfAborted();
        if (!(error instanceof EtcdCallError)) throw error;
        if (error.kind === 'token') this.#auth.forget(token);
        if (error.kind === 'connection' || error.kind === 'not-begun') this.#leave(endpoint, error.message);
        if (attempt >= tries || !this.#mayRepeat(error, repeatable)) throw error;
      }
    }
  }

  #mayRepeat({ kind }: EtcdCallError, repeatable: boolean): boolean {
    if (kind === 'connection') return repeatable;
    if (kind === 'token') return this.#auth.renewable;
    return kind === 'not-begun';
  }

  /** One request on the wire. Rejects with EtcdCallError. */
  #send<Q, R>(
    endpoint: EtcdEndpoint,
    method: Unary<Q, R>,
    request: Q,
    metadata: Metadata,
    signal: AbortSignal | undefined,
  ): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      let hang: string | undefined;
      const cancel = (): void => {
        call.cancel();
      };
      const call = method(
        request,
        metadata,
        { deadline: Date.now() + requestTimeoutMs },
        (error, response) => {
          signal?.removeEventListener('abort', cancel);
          ended?.();
          if (error === null && response !== undefined) resolve(response);
          else if (error === null || hang !== undefined)
            reject(new EtcdCallError('connection', `etcd at ${endpoint.url}: ${hang ?? 'an empty answer'}`));
          else reject(callError(endpoint.url, error));
        },
      );
      signal?.addEventListener('abort', cancel, { once: true });
      // With nowhere else to go, waiting is all that can be done.
      const ended =
        this.#endpoints.length === 1
          ? undefined
          : this.#hangs.began(endpoint, (reason) => {
              hang = reason;
              call.cancel();
            });
    });
  }
}

/** Resolves when the state of a client's connection changes, or at the deadline. */
function nextConnectivityState(client: Client, deadline: number): Promise<void> {
  const channel = client.getChannel();
  return new Promise((resolve) => {
    channel.watchConnectivityState(channel.getConnectivityState(true), deadline, () => {
      resolve();
    });
  });
}
