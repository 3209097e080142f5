/**
 * A thin gRPC client of etcd's v3 API: one channel to each endpoint, one of them in use, a deadline on each call.
 * It retries nothing by itself; a call that fails because of its endpoint makes the next call use another one.
 */
import { readFileSync } from 'node:fs';
import { connectivityState, credentials, status as grpcStatus } from '@grpc/grpc-js';
import type {
  CallOptions,
  ChannelCredentials,
  Client,
  ClientDuplexStream,
  ServiceError,
} from '@grpc/grpc-js';
import { loadProto, serviceIn } from '../../../../proto/load.js';
import { StoreError } from '../../store.js';
import type {
  LeaseGrantResponse,
  RangeRequest,
  RangeResponse,
  StatusResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from './etcd-messages.js';

export interface EtcdTlsFiles {
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** etcd answers within a round of its cluster or not at all; a commit on a slow disk takes seconds. */
export const requestTimeoutMs = 10_000;
const connectTimeoutMs = 3_000;

const channelOptions = {
  // Ranges and replays of a watch may be large; etcd's own limit is on requests, not on answers.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A transaction must not be sent twice behind our back.
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3_000,
};

type Answer<T> = (error: ServiceError | null, response?: T) => void;
type Unary<Q, R> = (request: Q, options: CallOptions, answer: Answer<R>) => { cancel(): void };

interface KvService extends Client {
  range: Unary<RangeRequest, RangeResponse>;
  txn: Unary<TxnRequest, TxnResponse>;
  compact: Unary<{ readonly revision: number; readonly physical: boolean }, unknown>;
}
interface WatchService extends Client {
  watch(): ClientDuplexStream<WatchRequest, WatchResponse>;
}
interface LeaseService extends Client {
  leaseGrant: Unary<{ readonly TTL: number }, LeaseGrantResponse>;
}
interface MaintenanceService extends Client {
  status: Unary<Record<string, never>, StatusResponse>;
}

interface Endpoint {
  readonly url: string;
  readonly kv: KvService;
  readonly watch: WatchService;
  readonly lease: LeaseService;
  readonly maintenance: MaintenanceService;
}

export class EtcdClient {
  readonly #endpoints: readonly Endpoint[];
  #current = 0;

  /** `endpoints` are URLs; those with https use the TLS files. Throws `unavailable` for a malformed one. */
  constructor(endpoints: readonly string[], tls: EtcdTlsFiles = {}) {
    const services = loadProto('etcd/rpc.proto');
    this.#endpoints = endpoints.map((text) => {
      const { target, secure } = parseEndpoint(text);
      const authority = secure ? tlsCredentials(tls) : credentials.createInsecure();
      const Kv = serviceIn(services, 'etcdserverpb.KV');
      const kv = new Kv(target, authority, channelOptions);
      // The four services of an endpoint share one connection.
      const options = { ...channelOptions, channelOverride: kv.getChannel() };
      const service = (name: string): Client =>
        new (serviceIn(services, `etcdserverpb.${name}`))(target, authority, options);
      return {
        url: text,
        kv: kv as unknown as KvService,
        watch: service('Watch') as WatchService,
        lease: service('Lease') as LeaseService,
        maintenance: service('Maintenance') as MaintenanceService,
      };
    });
    if (this.#endpoints.length === 0) throw new StoreError('unavailable', 'no etcd endpoint is given');
  }

  range(request: RangeRequest, signal?: AbortSignal): Promise<RangeResponse> {
    return this.#unary((endpoint) => endpoint.kv.range.bind(endpoint.kv), request, signal);
  }

  txn(request: TxnRequest): Promise<TxnResponse> {
    return this.#unary((endpoint) => endpoint.kv.txn.bind(endpoint.kv), request);
  }

  async compact(revision: number): Promise<void> {
    await this.#unary((endpoint) => endpoint.kv.compact.bind(endpoint.kv), { revision, physical: false });
  }

  grantLease(ttlSeconds: number): Promise<LeaseGrantResponse> {
    return this.#unary((endpoint) => endpoint.lease.leaseGrant.bind(endpoint.lease), { TTL: ttlSeconds });
  }

  status(): Promise<StatusResponse> {
    return this.#unary((endpoint) => endpoint.maintenance.status.bind(endpoint.maintenance), {});
  }

  /** A new watch stream on the endpoint in use. The caller cancels it. */
  watch(): ClientDuplexStream<WatchRequest, WatchResponse> {
    const stream = this.#endpoint.watch.watch();
    // An error reaches who iterates; after the last iteration (a cancelled stream ends in one) nobody needs it.
    stream.on('error', () => undefined);
    return stream;
  }

  /**
   * Resolves when the endpoint in use is connected, or else the first other one that is; throws `unavailable`
   * after three seconds without any. What fails here was never sent, so that no write is in doubt.
   */
  async connect(): Promise<void> {
    const deadline = Date.now() + connectTimeoutMs;
    for (;;) {
      for (let i = 0; i < this.#endpoints.length; i++) {
        const index = (this.#current + i) % this.#endpoints.length;
        const channel = this.#endpoints[index]?.kv.getChannel();
        if (channel?.getConnectivityState(true) === connectivityState.READY) {
          this.#current = index;
          return;
        }
      }
      if (Date.now() >= deadline) {
        const urls = this.#endpoints.map((endpoint) => endpoint.url).join(', ');
        throw new StoreError('unavailable', `no etcd endpoint can be reached of ${urls}`);
      }
      await Promise.race(this.#endpoints.map(({ kv }) => nextConnectivityState(kv, deadline)));
    }
  }

  /** The endpoint in use failed: the next call goes to another one. */
  rotate(): void {
    this.#leave(this.#endpoint);
  }

  close(): void {
    for (const endpoint of this.#endpoints) endpoint.kv.close();
  }

  get #endpoint(): Endpoint {
    return this.#endpoints[this.#current % this.#endpoints.length] as Endpoint;
  }

  /** Calls that fail together leave an endpoint once. */
  #leave(endpoint: Endpoint): void {
    if (endpoint === this.#endpoint) this.#current = (this.#current + 1) % this.#endpoints.length;
  }

  async #unary<Q, R>(
    method: (endpoint: Endpoint) => Unary<Q, R>,
    request: Q,
    signal?: AbortSignal,
  ): Promise<R> {
    await this.connect();
    signal?.throwIfAborted();
    const endpoint = this.#endpoint;
    return new Promise<R>((resolve, reject) => {
      const onAbort = (): void => {
        call.cancel();
      };
      const call = method(endpoint)(
        request,
        { deadline: Date.now() + requestTimeoutMs },
        (error, response) => {
          signal?.removeEventListener('abort', onAbort);
          if (error === null && response !== undefined) {
            resolve(response);
            return;
          }
          if (error !== null && isTransportError(error)) this.#leave(endpoint);
          reject(
            signal?.aborted === true ? (signal.reason as Error) : (error ?? new Error('an empty answer')),
          );
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}

/** The gRPC code of an error of a call; undefined for any other error. */
export function grpcCode(error: unknown): number | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;
}

/** The connection or the member failed: what was asked may have been done or not. */
export function isTransportError(error: unknown): boolean {
  const code = grpcCode(error);
  return (
    code === grpcStatus.UNAVAILABLE ||
    code === grpcStatus.DEADLINE_EXCEEDED ||
    code === grpcStatus.CANCELLED ||
    code === grpcStatus.UNKNOWN ||
    code === grpcStatus.INTERNAL
  );
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

function parseEndpoint(text: string): { target: string; secure: boolean } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.host === '') {
    throw new StoreError('unavailable', `${text} is not the URL of an etcd endpoint (http://HOST:PORT)`);
  }
  // A URL drops the default port of its scheme, etcd's default is another.
  return { target: `${url.hostname}:${url.port || '2379'}`, secure: url.protocol === 'https:' };
}

function tlsCredentials(tls: EtcdTlsFiles): ChannelCredentials {
  const read = (file: string | undefined): Buffer | null => (file === undefined ? null : readFileSync(file));
  return credentials.createSsl(read(tls.caFile), read(tls.keyFile), read(tls.certFile));
}
