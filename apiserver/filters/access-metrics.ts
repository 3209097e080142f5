/** What the server shows of authentication and authorization, under the names of kube-apiserver. */
import type { Registry } from 'prom-client';
import type { CounterCell, HistogramCell } from '../../common/metric-cells.js';
import { counterFamily, histogramFamily } from '../../common/metric-cells.js';

type AuthenticationResult = 'success' | 'failure' | 'error';
type AuthorizationResult = 'allowed' | 'denied' | 'error';

interface Attempts {
  readonly total: CounterCell;
  readonly seconds: HistogramCell;
}

const durationBuckets = Array.from({ length: 15 }, (_, power) => 0.001 * 2 ** power);
const hour = 3600;
const day = 24 * hour;
const lifeBuckets = [
  0,
  hour / 2,
  hour,
  2 * hour,
  6 * hour,
  12 * hour,
  day,
  2 * day,
  4 * day,
  7 * day,
  30 * day,
  90 * day,
  180 * day,
  360 * day,
];
/** Everybody else is told apart by kind only: names of users are too many for labels. */
const namedUsers: ReadonlySet<string> = new Set([
  'admin',
  'client',
  'kube_proxy',
  'kubelet',
  'system:serviceaccount:kube-system:default',
]);

export class AccessMetrics {
  readonly #authentication: Readonly<Record<AuthenticationResult, Attempts>>;
  readonly #authorization: Readonly<Record<AuthorizationResult, Attempts>>;
  readonly #certificateLife: HistogramCell;
  readonly #users: (kind: string) => CounterCell;

  constructor(registry: Registry) {
    const counter = (name: string, help: string, labelNames: readonly string[]) =>
      counterFamily(registry, { name, help, labelNames });
    const histogram = (name: string, help: string) =>
      histogramFamily(registry, { name, help, labelNames: ['result'], buckets: durationBuckets });
    const authentications = counter('authentication_attempts', 'Requests by whether somebody was named.', [
      'result',
    ]);
    const authenticationSeconds = histogram(
      'authentication_duration_seconds',
      'How long it took to find out who asks.',
    );
    const authorizations = counter('authorization_attempts_total', 'Questions whether somebody may.', [
      'result',
    ]);
    const authorizationSeconds = histogram('authorization_duration_seconds', 'How long these took.');
    const authentication = (result: AuthenticationResult): Attempts => ({
      total: authentications.with(result),
      seconds: authenticationSeconds.with(result),
    });
    const authorization = (result: AuthorizationResult): Attempts => ({
      total: authorizations.with(result),
      seconds: authorizationSeconds.with(result),
    });
    this.#authentication = {
      success: authentication('success'),
      failure: authentication('failure'),
      error: authentication('error'),
    };
    this.#authorization = {
      allowed: authorization('allowed'),
      denied: authorization('denied'),
      error: authorization('error'),
    };
    this.#certificateLife = histogramFamily(registry, {
      name: 'apiserver_client_certificate_expiration_seconds',
      help: 'How long the certificates are still valid that requests were made with.',
      labelNames: [],
      buckets: lifeBuckets,
    }).with();
    const users = counter('authenticated_user_requests', 'Requests by user, most of them only by kind.', [
      'username',
    ]);
    const others = users.with('other');
    this.#users = (name) => (name === 'other' ? others : users.with(name));
  }

  /** A request's user is known, or is not; after so many seconds. */
  authenticated(result: AuthenticationResult, seconds: number, userName?: string): void {
    const { total, seconds: durations } = this.#authentication[result];
    total.inc();
    durations.observe(seconds);
    if (userName !== undefined) this.#users(userLabel(userName)).inc();
  }

  authorized(result: AuthorizationResult, seconds: number): void {
    const { total, seconds: durations } = this.#authorization[result];
    total.inc();
    durations.observe(seconds);
  }

  certificateUsed(secondsLeft: number): void {
    this.#certificateLife.observe(secondsLeft);
  }
}

function userLabel(name: string): string {
  if (namedUsers.has(name)) return name;
  return name.includes('@') ? 'email_id' : 'other';
}
