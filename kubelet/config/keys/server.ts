/** Keys of the kubelet's own server and of who may ask it. */
import {
  boolean,
  choice,
  duration,
  group,
  integer,
  list,
  noEffect,
  opaque,
  path,
  refused,
  text,
  texts,
} from '../field.js';

const reviews = refused('token and access reviews come with a later issue: leave it as it is');
const noProfiler = noEffect('there is no Go profiler');

export const serverKeys = {
  enableServer: boolean(true, {
    about: 'Serve logs, exec and metrics at all.',
    flag: 'enable-server',
    support: refused('the apiserver and kubectl need the server'),
  }),
  address: text('0.0.0.0', { about: 'Address of the server.', flag: 'address' }),
  port: integer(
    10250,
    { min: 0, max: 65_535 },
    { about: 'Port of the server.', flag: 'port', zeroIsDefault: true },
  ),
  readOnlyPort: integer(
    0,
    { min: 0, max: 65_535 },
    {
      about: 'A port that answers everybody without a certificate; 0: none.',
      flag: 'read-only-port',
      support: refused('everything is served on the secure port only'),
    },
  ),
  tlsCertFile: path('', { about: 'The certificate of the server, PEM.', flag: 'tls-cert-file' }),
  tlsPrivateKeyFile: path('', { about: 'Its private key, PEM.', flag: 'tls-private-key-file' }),
  tlsCipherSuites: list([], texts, {
    about: 'Cipher suites of TLS 1.2, by the names of Go.',
    flag: 'tls-cipher-suites',
    support: refused("the suites are those of Node's defaults"),
  }),
  tlsMinVersion: choice('', ['', 'VersionTLS12', 'VersionTLS13'], {
    about: 'The oldest TLS that the server speaks; empty: 1.2.',
    flag: 'tls-min-version',
  }),
  rotateCertificates: boolean(false, {
    about: 'Ask for new client certificates before the old ones expire.',
    flag: 'rotate-certificates',
    support: refused('nobody signs CertificateSigningRequests yet'),
  }),
  serverTLSBootstrap: boolean(false, {
    about: 'Ask the cluster for the certificate of the server.',
    support: refused('nobody signs CertificateSigningRequests yet: give tlsCertFile and tlsPrivateKeyFile'),
  }),
  authentication: group({
    x509: group({
      clientCAFile: path('', {
        about: 'Authorities that may have signed the certificates of clients, PEM.',
        flag: 'client-ca-file',
      }),
    }),
    webhook: group({
      enabled: boolean(false, {
        about: 'Ask the apiserver who a bearer token is. Kubernetes: true.',
        flag: 'authentication-token-webhook',
        support: reviews,
      }),
      cacheTTL: duration('2m', {
        about: 'How long such an answer is remembered.',
        flag: 'authentication-token-webhook-cache-ttl',
        support: noEffect('authentication.webhook is not there yet'),
      }),
    }),
    anonymous: group({
      enabled: boolean(false, {
        about: 'Let clients in that show no certificate.',
        flag: 'anonymous-auth',
        support: refused('clients need a certificate'),
      }),
    }),
  }),
  authorization: group({
    mode: choice('AlwaysAllow', ['AlwaysAllow', 'Webhook'], {
      about: 'Whether every known client may do everything, or the apiserver is asked. Kubernetes: Webhook.',
      flag: 'authorization-mode',
      support: reviews,
    }),
    webhook: group({
      cacheAuthorizedTTL: duration('5m', {
        about: 'How long a yes is remembered.',
        flag: 'authorization-webhook-cache-authorized-ttl',
        support: noEffect('authorization by webhook is not there yet'),
      }),
      cacheUnauthorizedTTL: duration('30s', {
        about: 'How long a no is remembered.',
        flag: 'authorization-webhook-cache-unauthorized-ttl',
        support: noEffect('authorization by webhook is not there yet'),
      }),
    }),
  }),
  enableDebuggingHandlers: boolean(true, {
    about: 'Serve logs, exec, attach and port-forward.',
    flag: 'enable-debugging-handlers',
  }),
  enableContentionProfiling: boolean(false, {
    about: 'Profile locks.',
    flag: 'contention-profiling',
    support: noProfiler,
  }),
  enableProfilingHandler: boolean(true, { about: 'Serve /debug/pprof.', support: noProfiler }),
  enableDebugFlagsHandler: boolean(true, {
    about: 'Let clients change the log level at /debug/flags/v.',
    support: noEffect('the log level is --log-level, until the next start'),
  }),
  enableSystemLogHandler: boolean(false, {
    about: 'Serve files of /var/log at /logs/. Kubernetes: true.',
    support: refused('files of /var/log are not served yet'),
  }),
  enableSystemLogQuery: boolean(false, {
    about: "Answer queries of services' logs at /logs/.",
    support: refused('needs a journal reader, which is not there'),
  }),
  healthzPort: integer(
    10248,
    { min: 0, max: 65_535 },
    {
      about: 'Port of the health endpoint on this machine.',
      flag: 'healthz-port',
    },
  ),
  healthzBindAddress: text('127.0.0.1', {
    about: 'Address of the health endpoint.',
    flag: 'healthz-bind-address',
  }),
  streamingConnectionIdleTimeout: duration('4h', {
    about: 'A stream on which nothing moves for so long is closed.',
    flag: 'streaming-connection-idle-timeout',
  }),
  showHiddenMetricsForVersion: text('', {
    about: 'Show metrics that were hidden in this version.',
    flag: 'show-hidden-metrics-for-version',
    support: noEffect('no metric is hidden'),
  }),
  logging: opaque('LoggingConfiguration', {
    about: 'Format and verbosity of logs.',
    support: noEffect('logs are JSON; --log-level says how much'),
  }),
  tracing: opaque('TracingConfiguration', {
    about: 'Where OpenTelemetry spans are sent.',
    support: refused('there are no traces'),
  }),
};
