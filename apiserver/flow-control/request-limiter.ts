/** The filter before the handlers: whether a request may run now, later, or not at all. */
import { setImmediate as nextImmediate } from 'node:timers/promises';
import type { RequestAttributes } from '../filters/authorization.js';
import type { Exchange } from '../http/exchange.js';
import type { FlowController, Permit, RequestFlow } from './flow-controller.js';
import type { Turns } from './turns.js';

/** What a request that may run carries along. */
export interface Admission {
  /**
   * Waits for the request's next turn on the event loop; long work is done in pieces between turns. `writtenBytes` are what
   * it writes in a piece.
   */
  readonly turn: (writtenBytes?: number) => Promise<void> | undefined;
  /** The request has ended, or a watch has begun: others may have its place. Idempotent. */
  readonly release: () => void;
}

export interface LimitedRequest {
  readonly exchange: Exchange;
  readonly attributes: RequestAttributes;
  readonly isWatch: boolean;
  /** Watches, logs, tunnels. */
  readonly longRunning: boolean;
  /** How much work it is, asked only if that matters. At least 1. */
  readonly estimateSeats: () => number;
}

export interface RequestLimiter {
  /** Throws TooManyRequests. The caller releases what it gets. */
  admit(request: LimitedRequest): Promise<Admission>;
}

/** A turn for those who need not wait for others: what is ready to go on goes on first. */
export function turnOfOthers(): Promise<void> {
  return nextImmediate();
}

export const unlimited: Admission = { turn: turnOfOthers, release: () => undefined };

export const flowSchemaHeader = 'x-kubernetes-pf-flowschema-uid';
export const priorityLevelHeader = 'x-kubernetes-pf-prioritylevel-uid';

/** API priority and fairness, with the event loop shared out among the flows that were let in. */
export class PriorityAndFairness implements RequestLimiter {
  readonly #controller: FlowController;
  readonly #turns: Turns;

  constructor(controller: FlowController, turns: Turns) {
    this.#controller = controller;
    this.#turns = turns;
  }

  async admit({
    exchange,
    attributes,
    isWatch,
    longRunning,
    estimateSeats,
  }: LimitedRequest): Promise<Admission> {
    // Tunnels and logs would hold their seats for hours.
    if (longRunning && !isWatch) return unlimited;
    const flow = this.#controller.classify(attributes);
    const { schema } = flow;
    exchange.addHeader(flowSchemaHeader, schema.uid);
    exchange.addHeader(priorityLevelHeader, schema.level.uid);
    const type = isWatch ? 'watch' : 'regular';
    const entry = { seats: estimateSeats(), type, client: exchange, request: attributes } as const;
    const permit = await this.#enter(flow, entry);
    if (schema.level.exempt) return { turn: turnOfOthers, release: permit.release };
    const turn = (writtenBytes?: number): Promise<void> | undefined => this.#turns.take(flow, writtenBytes);
    await turn();
    return { turn, release: permit.release };
  }

  /** A refusal takes its turn, too: a client that comes back at once would keep the loop busy with refusals alone. */
  async #enter(flow: RequestFlow, options: Parameters<FlowController['enter']>[1]): Promise<Permit> {
    try {
      return await this.#controller.enter(flow, options);
    } catch (refusal) {
      await this.#turns.take(flow);
      throw refusal;
    }
  }
}
