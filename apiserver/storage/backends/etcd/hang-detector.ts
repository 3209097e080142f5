/**
 * Finds members that accept what they are sent and answer nothing: stopped, swapped out, or behind a network that
 * drops packets. A connection to them looks well until its keepalive fails, which takes longer than a request may.
 */
import { Metadata } from '@grpc/grpc-js';
import type { Clock } from '../../../../common/clock.js';
import type { EtcdEndpoint } from './etcd-endpoint.js';
import { callError } from './etcd-errors.js';

/** A call that takes longer makes the client ask whether the member is there at all. */
const suspectAfterMs = 1_500;
const probeTimeoutMs = 1_500;

interface OpenCall {
  readonly endpoint: EtcdEndpoint;
  readonly sinceMs: number;
  readonly cancel: (reason: string) => void;
}

export class HangDetector {
  readonly #clock: Clock;
  readonly #onHang: (endpoint: EtcdEndpoint, reason: string) => void;
  readonly #calls = new Set<OpenCall>();
  #cancelLook: (() => void) | undefined;

  /** `onHang` is told of an endpoint whose calls are then cancelled. */
  constructor(clock: Clock, onHang: (endpoint: EtcdEndpoint, reason: string) => void) {
    this.#clock = clock;
    this.#onHang = onHang;
  }

  /** A call was sent. The returned function says that it has ended. */
  began(endpoint: EtcdEndpoint, cancel: (reason: string) => void): () => void {
    const call = { endpoint, sinceMs: this.#clock.monotonicMs(), cancel };
    this.#calls.add(call);
    this.#cancelLook ??= this.#clock.schedule(suspectAfterMs, () => {
      this.#look();
    });
    return () => {
      this.#calls.delete(call);
    };
  }

  /** What is wrong with a member, or undefined when it answers and has a leader. Asks once for all who want to know. */
  async probe(endpoint: EtcdEndpoint): Promise<string | undefined> {
    endpoint.probe ??= this.#ask(endpoint).finally(() => (endpoint.probe = undefined));
    return endpoint.probe;
  }

  stop(): void {
    this.#cancelLook?.();
    this.#calls.clear();
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const suspects = new Set<EtcdEndpoint>();
    for (const { endpoint, sinceMs } of this.#calls)
      if (nowMs - sinceMs >= suspectAfterMs * 0.9) suspects.add(endpoint);
    for (const endpoint of suspects) void this.#judge(endpoint);
    this.#cancelLook =
      this.#calls.size === 0
        ? undefined
        : this.#clock.schedule(suspectAfterMs, () => {
            this.#look();
          });
  }

  async #judge(endpoint: EtcdEndpoint): Promise<void> {
    const reason = await this.probe(endpoint);
    if (reason === undefined) return;
    this.#onHang(endpoint, reason);
    for (const call of this.#calls) if (call.endpoint === endpoint) call.cancel(reason);
  }

  #ask({ url, maintenance }: EtcdEndpoint): Promise<string | undefined> {
    return new Promise((resolve) => {
      // Without the wish for a leader: a member that has none is to say so.
      maintenance.status({}, new Metadata(), { deadline: Date.now() + probeTimeoutMs }, (error, response) => {
        if (error === null) resolve(response?.leader === '0' ? 'it has no leader' : undefined);
        else {
          // A refusal, for want of a token, is an answer too.
          const { kind, message } = callError(url, error);
          const answers = kind === 'refused' || kind === 'token';
          resolve(answers ? undefined : message.replace(`etcd at ${url}: `, ''));
        }
      });
    });
  }
}
