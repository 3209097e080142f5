/**
 * The queues of one priority level, served fairly: of all queues that have requests waiting, the one goes first that
 * would have been done first if all were served side by side, each with an equal part of the seats (fair queuing over
 * virtual time: Demers, Keshav and Shenker 1989, with several seats as in Kubernetes).
 *
 * A plain state machine: it holds no timers, and time is given. Whoever starts a request is called back, at once or
 * later, when it may run.
 */

export interface QueuingLimits {
  /** 0: nobody waits, what does not fit is refused. */
  readonly queues: number;
  /** Requests that may wait in one queue. */
  readonly queueLengthLimit: number;
}

export type Refusal = 'queue-full' | 'concurrency-limit';

/** One stream of requests that has to be fair to others. */
export interface Flow {
  /** The queues that its requests may wait in. */
  readonly hand: readonly number[];
  /** Seats that its requests hold now: for the queue set to count. */
  runningSeats: number;
}

/** A request in the level. */
export interface Ticket {
  readonly seats: number;
  readonly state: 'waiting' | 'running' | 'ended';
  readonly arrivedMs: number;
  /** Requests that waited in its queue when it had come, itself included. */
  readonly queueLength: number;
}

/** A request in the level, for the dump pages. */
export interface DescribedTicket {
  readonly flow: Flow;
  /** What {@link FairQueueSet.start} was told of it. */
  readonly about: unknown;
  readonly seats: number;
  readonly arrivedMs: number;
  /** Undefined while it waits. */
  readonly startedMs: number | undefined;
  readonly queueIndex: number;
  /** Its place among those that wait there; -1 for one that runs. */
  readonly indexInQueue: number;
}

interface OwnTicket extends Ticket {
  readonly about: unknown;
  state: 'waiting' | 'running' | 'ended';
  readonly flow: Flow;
  readonly queue: Queue;
  readonly run: () => void;
  startedMs: number;
}

interface Queue {
  readonly waiting: OwnTicket[];
  /** Seats of those that wait and of those that run. */
  waitingSeats: number;
  runningSeats: number;
  /** Up to where this queue has been served, in seat-milliseconds of virtual time. */
  virtualStart: number;
}

/**
 * This part of the seats is for flows that have nothing running: one that fills the level with long lists does not make
 * the first small request of another wait until a list has ended.
 */
const newcomersFraction = 0.1;

/** How long a request is thought to take before it has ended; then what it really took is counted. */
const guessedMs = 3;

export class FairQueueSet {
  readonly #nowMs: () => number;
  readonly #queues: Queue[] = [];
  #limits: QueuingLimits;
  #seatLimit: number;
  readonly #tickets = new Set<OwnTicket>();
  #virtualTime = 0;
  #lastMs: number;
  #waiting = 0;
  #waitingSeats = 0;
  #running = 0;
  #runningSeats = 0;
  #activeQueues = 0;
  /** Where the search for the next queue begins, so that equals take turns. */
  #robin = 0;

  constructor(limits: QueuingLimits, seatLimit: number, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#lastMs = nowMs();
    this.#limits = limits;
    this.#seatLimit = seatLimit;
  }

  get waiting(): number {
    return this.#waiting;
  }

  get running(): number {
    return this.#running;
  }

  get runningSeats(): number {
    return this.#runningSeats;
  }

  /** Seats that are taken or wanted. */
  get seatDemand(): number {
    return this.#runningSeats + this.#waitingSeats;
  }

  get seatLimit(): number {
    return this.#seatLimit;
  }

  get limits(): QueuingLimits {
    return this.#limits;
  }

  /** Takes effect at once: more seats start requests that wait. Requests in queues that are no more wait on there. */
  configure(limits: QueuingLimits, seatLimit: number): void {
    this.#advance();
    this.#limits = limits;
    this.#seatLimit = seatLimit;
    this.#dispatch();
  }

  /**
   * Runs the request now, or lets it wait in the emptiest queue of its flow's hand, or refuses it. `run` is called once,
   * when the request gets its seats; that may be before this returns.
   */
  start(flow: Flow, seats: number, run: () => void, about?: unknown): Ticket | Refusal {
    this.#advance();
    const queue = this.#emptiestOf(flow.hand);
    // A newcomer that waits did not fit when seats came free last; so one that fits now overtakes nobody.
    const fits = (this.#waiting === 0 || flow.runningSeats === 0) && this.#fits(flow, seats);
    if (!fits) {
      if (this.#limits.queues === 0) return 'concurrency-limit';
      if (queue.waiting.length >= this.#limits.queueLengthLimit) return 'queue-full';
    }
    if (!isActive(queue)) {
      this.#activeQueues++;
      // A queue that was idle does not save up service for later.
      queue.virtualStart = this.#virtualTime;
    }
    const ticket: OwnTicket = {
      seats,
      state: 'waiting',
      arrivedMs: this.#lastMs,
      queueLength: queue.waiting.length + 1,
      startedMs: this.#lastMs,
      flow,
      queue,
      run,
      about,
    };
    this.#tickets.add(ticket);
    if (fits) {
      this.#run(ticket);
      return ticket;
    }
    queue.waiting.push(ticket);
    queue.waitingSeats += seats;
    this.#waiting++;
    this.#waitingSeats += seats;
    this.#dispatch();
    return ticket;
  }

  /** The request is done: its seats go to those that wait. */
  finish(given: Ticket): void {
    const ticket = given as OwnTicket;
    if (ticket.state !== 'running') return;
    this.#advance();
    ticket.state = 'ended';
    this.#tickets.delete(ticket);
    const { flow, queue, seats, startedMs } = ticket;
    flow.runningSeats -= seats;
    queue.runningSeats -= seats;
    this.#running--;
    this.#runningSeats -= seats;
    queue.virtualStart += seats * (this.#lastMs - startedMs - guessedMs);
    if (!isActive(queue)) this.#activeQueues--;
    if (this.#waiting > 0) this.#dispatch();
  }

  /** Takes a waiting request out of its queue; false when it does not wait any more. */
  cancel(given: Ticket): boolean {
    const ticket = given as OwnTicket;
    if (ticket.state !== 'waiting') return false;
    this.#advance();
    ticket.state = 'ended';
    this.#tickets.delete(ticket);
    const { queue, seats } = ticket;
    queue.waiting.splice(queue.waiting.indexOf(ticket), 1);
    this.#leaveQueue(queue, seats);
    if (!isActive(queue)) this.#activeQueues--;
    // Another may be at the head now that fits where this one did not.
    this.#dispatch();
    return true;
  }

  /** What is in each queue that has anything: for the dump pages. */
  describeQueues(): readonly {
    readonly index: number;
    readonly waiting: number;
    readonly running: number;
    readonly waitingSeats: number;
    readonly runningSeats: number;
    readonly virtualStart: number;
  }[] {
    return this.#queues.flatMap((queue, index) => {
      if (!isActive(queue)) return [];
      const { waiting, waitingSeats, runningSeats, virtualStart } = queue;
      const running = [...this.#tickets].filter((one) => one.queue === queue).length - waiting.length;
      return [{ index, waiting: waiting.length, running, waitingSeats, runningSeats, virtualStart }];
    });
  }

  /** All requests in the level, those of each queue in their order. */
  describeTickets(): readonly DescribedTicket[] {
    return [...this.#tickets].map((ticket) => ({
      flow: ticket.flow,
      about: ticket.about,
      seats: ticket.seats,
      arrivedMs: ticket.arrivedMs,
      startedMs: ticket.state === 'running' ? ticket.startedMs : undefined,
      queueIndex: this.#queues.indexOf(ticket.queue),
      indexInQueue: ticket.queue.waiting.indexOf(ticket),
    }));
  }

  /** Virtual time runs as fast as the seats in use serve each of the active queues. */
  #advance(): void {
    const now = this.#nowMs();
    const elapsed = now - this.#lastMs;
    this.#lastMs = now;
    if (this.#activeQueues === 0 || elapsed <= 0) return;
    const served = Math.min(this.#runningSeats + this.#waitingSeats, this.#seatLimit);
    this.#virtualTime += (elapsed * served) / this.#activeQueues;
  }

  #fits({ runningSeats }: Flow, seats: number): boolean {
    // What is larger than the level runs when it has the level for itself.
    if (this.#running === 0) return true;
    const kept = runningSeats === 0 ? 0 : this.#newcomersSeats;
    return this.#runningSeats + seats <= this.#seatLimit - kept;
  }

  get #newcomersSeats(): number {
    return this.#seatLimit < 2 || this.#seatLimit === Infinity
      ? 0
      : Math.max(1, Math.floor(this.#seatLimit * newcomersFraction));
  }

  #emptiestOf(hand: readonly number[]): Queue {
    let best: Queue | undefined;
    for (const index of hand) {
      const queue = (this.#queues[index] ??= {
        waiting: [],
        waitingSeats: 0,
        runningSeats: 0,
        virtualStart: 0,
      });
      if (
        best === undefined ||
        queue.waitingSeats + queue.runningSeats < best.waitingSeats + best.runningSeats
      )
        best = queue;
    }
    if (best === undefined) throw new RangeError('a hand of no queues');
    return best;
  }

  #run(ticket: OwnTicket): void {
    const { flow, queue, seats } = ticket;
    ticket.state = 'running';
    ticket.startedMs = this.#lastMs;
    flow.runningSeats += seats;
    queue.runningSeats += seats;
    queue.virtualStart += seats * guessedMs;
    this.#running++;
    this.#runningSeats += seats;
    ticket.run();
  }

  #leaveQueue(queue: Queue, seats: number): void {
    queue.waitingSeats -= seats;
    this.#waiting--;
    this.#waitingSeats -= seats;
  }

  #dispatch(): void {
    while (this.#waiting > 0) {
      // The one whose turn it is is not passed over because it is large, or it would never come to its turn; but its
      // flow may have to leave the last seats to newcomers.
      const ticket = this.#fitting(this.#next(() => true)) ?? this.#fitting(this.#next(isNewcomer));
      if (ticket === undefined) return;
      ticket.queue.waiting.shift();
      this.#leaveQueue(ticket.queue, ticket.seats);
      this.#run(ticket);
    }
  }

  #fitting(queue: Queue | undefined): OwnTicket | undefined {
    const ticket = queue?.waiting[0];
    return ticket !== undefined && this.#fits(ticket.flow, ticket.seats) ? ticket : undefined;
  }

  /** The queue whose first request would be done first, of those where it is eligible. */
  #next(eligible: (first: OwnTicket) => boolean): Queue | undefined {
    let best: Queue | undefined;
    let bestFinish = Infinity;
    let bestIndex = 0;
    const { length } = this.#queues;
    for (let i = 1; i <= length; i++) {
      const index = (this.#robin + i) % length;
      // A queue that nobody was dealt yet is a hole in the array.
      const queue = this.#queues.at(index);
      const first = queue?.waiting[0];
      if (queue === undefined || first === undefined || !eligible(first)) continue;
      const finish = queue.virtualStart + first.seats * guessedMs;
      if (finish >= bestFinish) continue;
      best = queue;
      bestFinish = finish;
      bestIndex = index;
    }
    this.#robin = bestIndex;
    return best;
  }
}

function isNewcomer({ flow }: OwnTicket): boolean {
  return flow.runningSeats === 0;
}

function isActive({ waiting, runningSeats }: Queue): boolean {
  return waiting.length > 0 || runningSeats > 0;
}
