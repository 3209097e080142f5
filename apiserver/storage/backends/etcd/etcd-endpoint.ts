/** One member of an etcd cluster: its URL, its connection, and the services on it. */
import { credentials } from '@grpc/grpc-js';
import type {
  CallOptions,
  ChannelCredentials,
  Client,
  ClientDuplexStream,
  Metadata,
  ServiceError,
} from '@grpc/grpc-js';
import { loadProto, serviceIn } from '../../../../proto/load.js';
import { StoreError } from '../../store.js';
import type {
  AuthenticateResponse,
  LeaseGrantResponse,
  LeaseTimeToLiveResponse,
  RangeRequest,
  RangeResponse,
  StatusResponse,
  TxnRequest,
  TxnResponse,
  WatchRequest,
  WatchResponse,
} from './etcd-messages.js';

/** PEM, for endpoints with https. */
export interface EtcdTls {
  /** Who signs the servers' certificates; the system's authorities unless told. */
  readonly ca?: string;
  /** This client's certificate and its key. */
  readonly cert?: string;
  readonly key?: string;
  /** The name in the servers' certificates, where it is not the host of the URL. */
  readonly serverName?: string;
}

/** etcd closes a connection that pings more often than every five seconds (`--grpc-keepalive-min-time`). */
const keepalive = { everyMs: 10_000, answerWithinMs: 5_000 };

const channelOptions = {
  // Ranges and replays of a watch may be large; etcd's own limit is on requests, not on answers.
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  // A transaction must not be sent twice behind our back.
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': keepalive.everyMs,
  'grpc.keepalive_timeout_ms': keepalive.answerWithinMs,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.min_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 3_000,
};

type Answer<T> = (error: ServiceError | null, response?: T) => void;
export type Unary<Q, R> = (
  request: Q,
  metadata: Metadata,
  options: CallOptions,
  answer: Answer<R>,
) => { cancel(): void };
export type WatchStream = ClientDuplexStream<WatchRequest, WatchResponse>;

interface KvService extends Client {
  range: Unary<RangeRequest, RangeResponse>;
  txn: Unary<TxnRequest, TxnResponse>;
  compact: Unary<{ readonly revision: number; readonly physical: boolean }, object>;
}
interface WatchService extends Client {
  watch(metadata: Metadata): WatchStream;
}
interface LeaseService extends Client {
  leaseGrant: Unary<{ readonly TTL: number }, LeaseGrantResponse>;
  leaseTimeToLive: Unary<{ readonly ID: string }, LeaseTimeToLiveResponse>;
}
interface AuthService extends Client {
  authenticate: Unary<{ readonly name: string; readonly password: string }, AuthenticateResponse>;
}
interface MaintenanceService extends Client {
  status: Unary<Record<string, never>, StatusResponse>;
}

export interface EtcdEndpoint {
  readonly url: string;
  readonly kv: KvService;
  readonly watch: WatchService;
  readonly lease: LeaseService;
  readonly auth: AuthService;
  readonly maintenance: MaintenanceService;
  /** Watches on this endpoint: they move along when it is left because it hangs. */
  readonly streams: Set<WatchStream>;
  /** It failed a moment ago: until then another one is taken, if there is one. */
  avoidUntilMs: number;
  /** Under way: does it answer at all? */
  probe: Promise<string | undefined> | undefined;
}

/** Reading the description costs milliseconds: once for all clients. */
let services: ReturnType<typeof loadProto> | undefined;

/** Makes the clients; nothing connects yet. Throws `unavailable` for a URL that is none, or no URL at all. */
export function makeEndpoints(urls: readonly string[], tls: EtcdTls = {}): EtcdEndpoint[] {
  if (urls.length === 0) throw new StoreError('unavailable', 'no etcd endpoint is given');
  services ??= loadProto('etcd/rpc.proto');
  const described = services;
  return urls.map((url) => {
    const { target, secure } = parseEndpoint(url);
    const authority = secure ? tlsCredentials(tls) : credentials.createInsecure();
    const base =
      tls.serverName === undefined
        ? channelOptions
        : { ...channelOptions, 'grpc.ssl_target_name_override': tls.serverName };
    const kv = new (serviceIn(described, 'etcdserverpb.KV'))(target, authority, base);
    // The services of an endpoint share one connection.
    const options = { ...base, channelOverride: kv.getChannel() };
    const service = (name: string): Client =>
      new (serviceIn(described, `etcdserverpb.${name}`))(target, authority, options);
    return {
      url,
      kv: kv as unknown as KvService,
      watch: service('Watch') as WatchService,
      lease: service('Lease') as LeaseService,
      auth: service('Auth') as AuthService,
      maintenance: service('Maintenance') as MaintenanceService,
      streams: new Set(),
      avoidUntilMs: 0,
      probe: undefined,
    };
  });
}

function parseEndpoint(text: string): { target: string; secure: boolean } {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.host === '') {
    throw new StoreError('unavailable', `${text} is not the URL of an etcd endpoint (http://HOST:PORT)`);
  }
  if (url.username !== '' || url.password !== '')
    throw new StoreError(
      'unavailable',
      `the URL of the etcd endpoint ${url.host} holds a user or password: those come from a file (--etcd-credentials-file)`,
    );
  // A URL drops the default port of its scheme, etcd's default is another.
  return { target: `${url.hostname}:${url.port || '2379'}`, secure: url.protocol === 'https:' };
}

function tlsCredentials({ ca, cert, key }: EtcdTls): ChannelCredentials {
  const pem = (text: string | undefined): Buffer | null => (text === undefined ? null : Buffer.from(text));
  try {
    return credentials.createSsl(pem(ca), pem(key), pem(cert));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError('unavailable', `the certificates for etcd cannot be used: ${reason}`, { cause });
  }
}
