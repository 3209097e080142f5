/**
 * API priority and fairness: classifies requests, and lets each run when its priority level has seats for it.
 * Follows Kubernetes' enhancement 1040; what is different stands in docs/divergence-from-kubernetes.md.
 */
import type { FlowSchema, PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.js';
import { StatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { RequestAttributes } from '../filters/authorization.js';
import { catchAllName, defaultFlowSchemas, defaultPriorityLevels } from './default-objects.js';
import type { DefaultObject } from './default-objects.js';
import type { Flow, Ticket } from './fair-queue-set.js';
import type { FlowControlMetrics } from './flow-control-metrics.js';
import { FlowMeter } from './flow-meter.js';
import { comparePrecedence, flowDistinguisher, flowSchemaMatcher } from './match-flow-schema.js';
import { PriorityLevel } from './priority-level.js';
import { seatLimits, shareSeats, targetOf } from './share-seats.js';
import type { SeatClaim, SeatDemand } from './share-seats.js';
import { dealHand, hashFlow } from './shuffle-shard.js';

/** A FlowSchema, ready to be asked. */
interface ActiveSchema {
  readonly name: string;
  readonly uid: string;
  readonly level: PriorityLevel;
  readonly meter: FlowMeter;
  readonly matches: (request: RequestAttributes) => boolean;
  readonly distinguish: (request: RequestAttributes) => string;
  readonly flows: Map<string, RequestFlow>;
}

/** The requests of one FlowSchema that are to share fairly with other flows: those of a user, or in a namespace. */
export interface RequestFlow extends Flow {
  readonly schema: ActiveSchema;
  readonly distinguisher: string;
}

/** Leave to run. */
export interface Permit {
  /** Gives the seats back. Idempotent. */
  readonly release: () => void;
}

export interface EnterOptions {
  /** Estimated, at least 1. */
  readonly seats: number;
  /** A watch holds its seat only until it has begun. */
  readonly type: 'regular' | 'watch';
  /** Its signal aborts when the client has gone; asked for only where a request has to wait. */
  readonly client: { readonly signal: AbortSignal };
  /** For the dump pages. */
  readonly request?: RequestAttributes;
}

export interface FlowControllerOptions {
  /** How many requests the server works on at once, all levels together. */
  readonly serverSeats: number;
  readonly clock: Clock;
  readonly metrics: FlowControlMetrics;
}

type RejectReason = 'queue-full' | 'concurrency-limit' | 'time-out' | 'cancelled';

/** A quarter of the time that a request may take. */
const maxWaitMs = 15_000;
const retryAfterSeconds = 1;
const adjustmentMs = 10_000;
/** Flows are remembered because dealing a hand costs some microseconds. */
const maxRememberedFlows = 1_000;

export class FlowController {
  readonly #options: FlowControllerOptions;
  readonly #levels = new Map<string, PriorityLevel>();
  #schemas: readonly ActiveSchema[] = [];

  constructor(options: FlowControllerOptions) {
    this.#options = options;
    this.configure([], []);
  }

  get levels(): Iterable<PriorityLevel> {
    return this.#levels.values();
  }

  get schemas(): readonly ActiveSchema[] {
    return this.#schemas;
  }

  /**
   * Takes the objects of the cluster into use, at once. Mandatory ones that are not there are made up; a FlowSchema of
   * a level that is not there is not asked.
   */
  configure(levelObjects: readonly PriorityLevelConfiguration[], schemaObjects: readonly FlowSchema[]): void {
    const levels = withMandatory(levelObjects, defaultPriorityLevels);
    this.#configureLevels(levels);
    const before = new Map(this.#schemas.map((schema) => [schema.name, schema]));
    this.#schemas = withMandatory(schemaObjects, defaultFlowSchemas)
      .toSorted(comparePrecedence)
      .flatMap((object): ActiveSchema[] => {
        const { name, uid } = object.metadata;
        const level = this.#levels.get(object.spec.priorityLevelConfiguration.name);
        if (level === undefined) return [];
        const old = before.get(name);
        const meter =
          old?.level === level ? old.meter : new FlowMeter(this.#options.metrics, level.name, name);
        return [
          {
            name,
            uid,
            level,
            meter,
            matches: flowSchemaMatcher(object),
            distinguish: flowDistinguisher(object),
            flows: new Map(),
          },
        ];
      });
  }

  #configureLevels(objects: readonly PriorityLevelConfiguration[]): void {
    const { serverSeats, clock, metrics } = this.#options;
    const limits = seatLimits(objects, serverSeats);
    const wanted = new Set(objects.map(({ metadata }) => metadata.name));
    for (const name of this.#levels.keys()) {
      if (wanted.has(name)) continue;
      // Requests that are in it end there; nothing new comes in.
      this.#levels.delete(name);
      for (const gauge of levelGauges(metrics)) gauge.delete(name);
    }
    for (const object of objects) {
      const { name } = object.metadata;
      let level = this.#levels.get(name);
      if (level === undefined) {
        level = new PriorityLevel(name, () => clock.monotonicMs());
        this.#levels.set(name, level);
      }
      level.configure(object, limits.get(name) ?? { nominal: 0, min: 0, max: 0 });
      this.#showLimits(level);
    }
  }

  /** The flow of a request. */
  classify(request: RequestAttributes): RequestFlow {
    const schema =
      this.#schemas.find(({ matches }) => matches(request)) ??
      // Validation keeps the catch-all schema matching everybody; a user who is in no group comes here.
      this.#schemas.find(({ name }) => name === catchAllName);
    if (schema === undefined) throw new Error('there is no FlowSchema catch-all');
    const distinguisher = schema.distinguish(request);
    const known = schema.flows.get(distinguisher);
    if (known !== undefined) return known;
    if (schema.flows.size >= maxRememberedFlows) forgetIdle(schema.flows);
    const { queues, handSize } = schema.level.deal;
    const hand = queues === 0 ? [0] : dealHand(hashFlow(schema.name, distinguisher), queues, handSize);
    const flow: RequestFlow = { schema, distinguisher, hand, runningSeats: 0 };
    schema.flows.set(distinguisher, flow);
    return flow;
  }

  /** Waits for seats. Throws, or rejects with, TooManyRequests. */
  enter(flow: RequestFlow, { seats, type, client, request }: EnterOptions): Permit | Promise<Permit> {
    const { level, meter } = flow.schema;
    const { clock } = this.#options;
    const taken = level.seatsFor(seats);
    meter.estimated.observe(taken);
    let wake: (() => void) | undefined;
    const ticket = level.queues.start(flow, taken, () => wake?.(), request);
    level.measure();
    if (typeof ticket === 'string') throw this.#reject(flow.schema, ticket);
    if (!level.exempt) meter.queueLength.observe(ticket.queueLength);
    if (ticket.state === 'running') return this.#permit(flow, ticket, type);
    meter.notAccommodated.inc();
    meter.inQueue.add(1);
    meter.inQueueSeats.add(taken);
    const { signal } = client;
    return new Promise<void>((resolve, reject) => {
      const settle = (): void => {
        cancelTimer();
        signal.removeEventListener('abort', onAbort);
        meter.inQueue.add(-1);
        meter.inQueueSeats.add(-taken);
      };
      const giveUp = (reason: RejectReason): void => {
        if (!level.queues.cancel(ticket)) return;
        settle();
        level.measure();
        meter.waitedInVain.observe((clock.monotonicMs() - ticket.arrivedMs) / 1000);
        reject(this.#reject(flow.schema, reason));
      };
      const onAbort = (): void => {
        giveUp('cancelled');
      };
      const cancelTimer = clock.schedule(maxWaitMs, () => {
        giveUp('time-out');
      });
      signal.addEventListener('abort', onAbort, { once: true });
      wake = () => {
        settle();
        resolve();
      };
    }).then(() => this.#permit(flow, ticket, type));
  }

  #permit(flow: RequestFlow, ticket: Ticket, type: 'regular' | 'watch'): Permit {
    const { level, meter } = flow.schema;
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    meter.dispatched.inc();
    level.outcomes.dispatched++;
    meter.waited.observe((startedMs - ticket.arrivedMs) / 1000);
    meter.executing.add(1);
    meter.executingSeats.add(ticket.seats);
    let released = false;
    return {
      release: () => {
        if (released) return;
        released = true;
        level.queues.finish(ticket);
        level.measure();
        meter.executing.add(-1);
        meter.executingSeats.add(-ticket.seats);
        (type === 'watch' ? meter.watchStarted : meter.executed).observe(
          (clock.monotonicMs() - startedMs) / 1000,
        );
      },
    };
  }

  #reject({ meter, level }: ActiveSchema, reason: RejectReason): StatusError {
    meter.rejected(reason).inc();
    level.outcomes[reason === 'time-out' || reason === 'cancelled' ? reason : 'rejected']++;
    return tooManyRequests();
  }

  /** Lets levels lend what they do not need and borrow what others do not need, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for (;;) {
      await sleep(this.#options.clock, adjustmentMs, signal);
      if (signal.aborted) return;
      this.adjust();
    }
  }

  /** One adjustment, by what the levels needed since the last one. */
  adjust(): void {
    const { serverSeats } = this.#options;
    const claims = [...this.#levels.values()].map((level) => level.claim());
    const { fairFraction, seats } = shareSeats(claims, serverSeats);
    this.#options.metrics.fairFraction.with().set(fairFraction);
    for (const claim of claims) this.#showDemand(claim);
    for (const level of this.#levels.values()) {
      level.setSeats(seats.get(level.name) ?? level.limits.nominal);
      this.#showLimits(level);
    }
  }

  #showDemand(claim: SeatClaim & SeatDemand): void {
    const { metrics } = this.#options;
    const { name, average, standardDeviation, highest } = claim;
    metrics.averageDemand.with(name).set(average);
    metrics.demandDeviation.with(name).set(standardDeviation);
    metrics.highestDemand.with(name).set(highest);
    metrics.targetSeats.with(name).set(targetOf(claim));
  }

  #showLimits(level: PriorityLevel): void {
    const { metrics } = this.#options;
    const { nominal, min, max } = level.limits;
    metrics.nominalSeats.with(level.name).set(nominal);
    metrics.lowerSeats.with(level.name).set(min);
    metrics.upperSeats.with(level.name).set(max);
    metrics.currentSeats.with(level.name).set(level.exempt ? nominal : level.queues.seatLimit);
    metrics.smoothedDemand.with(level.name).set(level.smoothedDemand);
  }
}

/** What a client is told that comes too often. */
export function tooManyRequests(): StatusError {
  return new StatusError('TooManyRequests', 'Too many requests, please try again later.', {
    details: { retryAfterSeconds },
  });
}

function levelGauges(metrics: FlowControlMetrics) {
  const { nominalSeats, lowerSeats, upperSeats, currentSeats, smoothedDemand } = metrics;
  const { averageDemand, demandDeviation, highestDemand, targetSeats } = metrics;
  const demand = [smoothedDemand, averageDemand, demandDeviation, highestDemand, targetSeats];
  return [nominalSeats, lowerSeats, upperSeats, currentSeats, ...demand];
}

function forgetIdle(flows: Map<string, RequestFlow>): void {
  for (const [distinguisher, flow] of flows) {
    if (flow.runningSeats === 0) flows.delete(distinguisher);
  }
}

interface NamedObject<Spec> {
  readonly metadata: { readonly name: string };
  readonly spec: Spec;
}

/** The objects, and those without which there would be requests that belong nowhere. */
function withMandatory<Spec, T extends NamedObject<Spec>>(
  objects: readonly T[],
  defaults: readonly DefaultObject<Spec>[],
): readonly T[] {
  const there = new Set(objects.map(({ metadata }) => metadata.name));
  const missing = defaults.filter(({ name, mandatory }) => mandatory && !there.has(name));
  return [
    ...objects,
    ...missing.map(({ name, spec }) => ({ metadata: { name, uid: '' }, spec }) as unknown as T),
  ];
}
