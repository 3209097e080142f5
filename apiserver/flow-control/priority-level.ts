/** One priority level at work: its queues, its seats, and what it needs. */
import type { PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.js';
import { DemandMeter } from './demand-meter.js';
import { maxSeatsPerRequest } from './estimate-work.js';
import { FairQueueSet } from './fair-queue-set.js';
import type { QueuingLimits } from './fair-queue-set.js';
import type { SeatClaim, SeatDemand, SeatLimits } from './share-seats.js';
import { smoothDemand } from './share-seats.js';

export class PriorityLevel {
  readonly name: string;
  readonly queues: FairQueueSet;
  /** What became of its requests since it is there: for the dump. */
  readonly outcomes = { dispatched: 0, rejected: 0, 'time-out': 0, cancelled: 0 };
  readonly #nowMs: () => number;
  readonly #meter: DemandMeter;
  #uid = '';
  #exempt = false;
  #limits: SeatLimits = { nominal: 0, min: 0, max: 0 };
  #handSize = 1;
  #smoothed = 0;

  constructor(name: string, nowMs: () => number) {
    this.name = name;
    this.#nowMs = nowMs;
    this.#meter = new DemandMeter(nowMs());
    this.queues = new FairQueueSet({ queues: 0, queueLengthLimit: 0 }, 0, nowMs);
  }

  get uid(): string {
    return this.#uid;
  }

  get exempt(): boolean {
    return this.#exempt;
  }

  get limits(): SeatLimits {
    return this.#limits;
  }

  get smoothedDemand(): number {
    return this.#smoothed;
  }

  /** How many of how many queues a flow is dealt; none where requests do not wait. */
  get deal(): { readonly queues: number; readonly handSize: number } {
    return { queues: this.queues.limits.queues, handSize: this.#handSize };
  }

  /** Seats that a request of so much work takes. */
  seatsFor(estimated: number): number {
    return this.#exempt ? estimated : Math.min(estimated, maxSeatsPerRequest(this.#limits.nominal));
  }

  configure({ metadata, spec }: PriorityLevelConfiguration, limits: SeatLimits): void {
    const isNew = this.#uid === '' && this.#limits.max === 0;
    const nominalChanged = this.#limits.nominal !== limits.nominal;
    this.#uid = metadata.uid;
    this.#exempt = spec.type === 'Exempt';
    this.#limits = limits;
    const queuing = spec.limited?.limitResponse?.queuing;
    this.#handSize = queuing?.handSize ?? 1;
    const current =
      isNew || nominalChanged
        ? limits.nominal
        : Math.min(limits.max, Math.max(limits.min, this.queues.seatLimit));
    this.queues.configure(
      {
        queues: queuing?.queues ?? 0,
        queueLengthLimit: queuing?.queueLengthLimit ?? 0,
      } satisfies QueuingLimits,
      this.#exempt ? Infinity : current,
    );
  }

  /** To be called after every change of the queues. */
  measure(): void {
    this.#meter.set(this.queues.seatDemand, this.#nowMs());
  }

  /** What the level needed since the last call. */
  claim(): SeatClaim & SeatDemand {
    const demand = this.#meter.take(this.#nowMs());
    this.#smoothed = smoothDemand({ ...demand, smoothed: this.#smoothed });
    return { name: this.name, limits: this.#limits, ...demand, smoothed: this.#smoothed };
  }

  setSeats(seats: number): void {
    if (!this.#exempt) this.queues.configure(this.queues.limits, seats);
  }
}
