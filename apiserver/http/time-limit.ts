/** The time that a request may take as a whole: its client is told when it is over, and is not left waiting. */
import { StatusError } from '../../api/status-error.js';
import type { Clock } from '../../common/clock.js';
import type { Exchange } from './exchange.js';
import { respondError } from './respond.js';

/**
 * Answers with Timeout when the time is over. The handler is not stopped by it, but by the end of the exchange, as when its
 * client goes away: reading ends, and a write that the store has been given is finished. It keeps its seat until then.
 */
export class TimeLimit {
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  #cancel = (): void => undefined;
  #passed = false;

  constructor(exchange: Exchange, clock: Clock) {
    this.#exchange = exchange;
    this.#clock = clock;
  }

  start(limitMs: number): void {
    this.#cancel = this.#clock.schedule(limitMs, () => {
      this.#passed = true;
      // A body of which the rest is still to come must not be taken for the next request.
      this.#exchange.closeAfterAnswer();
      this.#exchange.expire(() => {
        respondError(
          this.#exchange,
          new StatusError('Timeout', 'Timeout: request did not complete within the allotted timeout', {
            details: {},
          }),
        );
      });
    });
  }

  get passed(): boolean {
    return this.#passed;
  }

  clear(): void {
    this.#cancel();
  }
}
