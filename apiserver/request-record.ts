/** What is measured of one request, from its head to the end of its answer. */
import type { Clock } from '../common/clock.js';
import { requestKind } from './flow-control/max-in-flight.js';
import { mediaTypeOf } from './http/body.js';
import type { Exchange } from './http/exchange.js';
import type { ResourcePath } from './http/route.js';
import type { ApiServerMetrics, RequestLabels } from './metrics.js';

const longRunningVerbs: ReadonlySet<string> = new Set(['watch', 'connect']);

/** Watches, logs and tunnels have no time limit and do not count as requests in flight. */
export function isLongRunning(verb: string): boolean {
  return longRunningVerbs.has(verb);
}

export class RequestRecord {
  readonly #exchange: Exchange;
  readonly #metrics: ApiServerMetrics;
  readonly #clock: Clock;
  readonly #startedMs: number;
  #labels: RequestLabels;
  #state: 'new' | 'waiting' | 'executing' | 'long-running' = 'new';
  #queuedMs = 0;
  #waitedMs = 0;

  constructor(exchange: Exchange, metrics: ApiServerMetrics, clock: Clock) {
    this.#exchange = exchange;
    this.#metrics = metrics;
    this.#clock = clock;
    this.#startedMs = clock.monotonicMs();
    this.#labels = pathLabels(exchange);
  }

  /** It is about a resource. */
  routed(path: ResourcePath, verb: string): void {
    this.#labels = resourceLabels(this.#exchange, path, verb);
  }

  /** It waits until it may run. */
  queued(): void {
    if (isLongRunning(this.#labels.verb)) {
      this.#state = 'long-running';
      this.#metrics.longRunning(this.#labels, 1);
      return;
    }
    this.#state = 'waiting';
    this.#queuedMs = this.#clock.monotonicMs();
    this.#metrics.waiting(this.#kind, 1, this.#queuedMs);
  }

  admitted(): void {
    if (this.#state !== 'waiting') return;
    this.#state = 'executing';
    const nowMs = this.#clock.monotonicMs();
    this.#waitedMs = nowMs - this.#queuedMs;
    this.#metrics.waiting(this.#kind, -1, nowMs);
    this.#metrics.executing(this.#kind, 1, nowMs);
  }

  /** It was refused because there are too many. */
  refused(code: number): void {
    this.#metrics.refused(this.#labels, code);
  }

  /** Its kind is one to leave. */
  deprecated(): void {
    this.#metrics.deprecated(this.#labels);
  }

  /** Called once. Returns how long it took. */
  end(): number {
    const nowMs = this.#clock.monotonicMs();
    const seconds = (nowMs - this.#startedMs) / 1000;
    if (this.#state === 'waiting') this.#metrics.waiting(this.#kind, -1, nowMs);
    if (this.#state === 'executing') this.#metrics.executing(this.#kind, -1, nowMs);
    if (this.#state === 'long-running') this.#metrics.longRunning(this.#labels, -1);
    this.#metrics.finished(this.#labels, {
      code: this.#exchange.status,
      seconds,
      waitedSeconds: this.#waitedMs / 1000,
      bytes: this.#exchange.bodyBytes,
      longRunning: isLongRunning(this.#labels.verb),
    });
    return seconds;
  }

  get #kind(): 'readOnly' | 'mutating' {
    return requestKind(this.#labels.verb);
  }
}

function pathLabels({ method }: Exchange): RequestLabels {
  const verb = method.toLowerCase();
  return { verb, group: '', version: '', resource: '', subresource: '', scope: '', dryRun: false };
}

function resourceLabels(exchange: Exchange, path: ResourcePath, verb: string): RequestLabels {
  const { group, version, resource, subresource, name, namespace } = path;
  const scope = name !== '' || verb === 'create' ? 'resource' : namespace === '' ? 'cluster' : 'namespace';
  const dryRun = exchange.query.has('dryRun');
  // An apply is a patch to authorization, and its own in metrics.
  const applies = verb === 'patch' && mediaTypeOf(exchange).startsWith('application/apply-patch');
  return { verb: applies ? 'apply' : verb, group, version, resource, subresource, scope, dryRun };
}
