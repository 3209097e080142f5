/** Answers /healthz, /livez and /readyz, whole or one check by name. */
import type { HealthChecks, HealthObserver } from '../../common/health-checks.js';
import { answerHealth } from '../../common/health-checks.js';
import type { Exchange } from '../http/exchange.js';
import { respondText } from '../http/respond.js';

export interface ServerHealth {
  /** Alive: a restart would not help otherwise. */
  readonly live: HealthChecks;
  /** Ready for requests: the live checks and these. */
  readonly ready: HealthChecks;
  readonly observe: HealthObserver;
}

export class HealthHandler {
  readonly #health: ServerHealth;

  constructor(health: ServerHealth) {
    this.#health = health;
  }

  /** False when the path is no health endpoint. */
  async handle(exchange: Exchange): Promise<boolean> {
    const { live, ready, observe } = this.#health;
    const checksOf = (endpoint: string): HealthChecks =>
      endpoint === 'readyz' ? { ...live, ...ready } : live;
    const answer = await answerHealth(exchange.path, exchange.query, checksOf, observe);
    if (answer === undefined) return false;
    respondText(exchange, answer.status, answer.text);
    return true;
  }
}
