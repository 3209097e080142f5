/** Answers /healthz, /livez and /readyz, whole or one check by name. */
import type { HealthCheck } from '../../common/component.js';
import { runHealthChecks } from '../../common/component.js';
import type { Exchange } from '../http/exchange.js';
import { respondText } from '../http/respond.js';

export interface HealthChecks {
  /** Alive: a restart would not help otherwise. */
  readonly live: Readonly<Record<string, HealthCheck>>;
  /** Ready for requests: the live checks and these. */
  readonly ready: Readonly<Record<string, HealthCheck>>;
}

export class HealthHandler {
  readonly #checks: HealthChecks;

  constructor(checks: HealthChecks) {
    this.#checks = checks;
  }

  /** False when the path is no health endpoint. */
  async handle(exchange: Exchange): Promise<boolean> {
    const [, endpoint = '', name, ...rest] = exchange.path.split('/');
    if (!['healthz', 'livez', 'readyz'].includes(endpoint) || rest.length > 0) return false;
    const { live, ready } = this.#checks;
    const all: Readonly<Record<string, HealthCheck>> = endpoint === 'readyz' ? { ...live, ...ready } : live;
    if (name !== undefined && name !== '') return this.#one(exchange, name, all);
    const excluded = exchange.query.getAll('exclude');
    const chosen = Object.fromEntries(Object.entries(all).filter(([check]) => !excluded.includes(check)));
    const { healthy, text } = await runHealthChecks(chosen);
    const worded = text.replace('healthz check', `${endpoint} check`);
    respondText(exchange, healthy ? 200 : 500, healthy && !exchange.query.has('verbose') ? 'ok' : worded);
    return true;
  }

  async #one(exchange: Exchange, name: string, all: Readonly<Record<string, HealthCheck>>): Promise<boolean> {
    if (name === 'ping') {
      respondText(exchange, 200, 'ok');
      return true;
    }
    const check = all[name];
    if (check === undefined) return false;
    const { healthy, text } = await runHealthChecks({ [name]: check });
    respondText(exchange, healthy ? 200 : 500, healthy ? 'ok' : text);
    return true;
  }
}
