/**
 * Writes core/v1 Events in the background, never in the way of whoever records them.
 *
 * One broadcaster serves a process: a bounded queue and one writer. When the queue is full the newest Event is
 * dropped and counted; when the server is away the writer waits and tries again, and the queue fills meanwhile.
 */
import { backoffDelayMs } from '../common/backoff.js';
import { sleep, systemClock } from '../common/clock.js';
import type { Clock } from '../common/clock.js';
import type { Logger } from '../common/log.js';
import type { ObjectReference } from '../api/generated/core-v1.js';
import type { KubernetesObject } from '../api/objects.js';
import { events } from '../api/resources.js';
import { isStatusError } from '../api/status-error.js';
import { EventCorrelator } from './event-correlator.js';
import type { EventDecision, Observation } from './event-correlator.js';
import type { ApiClient, EventRecorder } from './types.js';

const queueLimit = 1000;
const retryBackoff = { initialMs: 200, maxMs: 10_000, factor: 2, jitter: 0.3 };

export interface EventBroadcasterOptions {
  readonly client: ApiClient;
  readonly log: Logger;
  readonly clock?: Clock;
}

export interface EventBroadcaster {
  /** A recorder for one source: `kubelet` on host `n1`. Recording works before `run` and keeps until then. */
  recorder(component: string, host?: string): EventRecorder;
  /** Writes until the signal aborts; what is still queued then is dropped. */
  run(signal: AbortSignal): Promise<void>;
}

export function createEventBroadcaster(options: EventBroadcasterOptions): EventBroadcaster {
  return new Broadcaster(options);
}

class Broadcaster implements EventBroadcaster {
  readonly #client: ApiClient;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #correlator = new EventCorrelator();
  readonly #queue: Observation[] = [];
  #wake: (() => void) | undefined;
  #dropped = 0;

  constructor(options: EventBroadcasterOptions) {
    this.#client = options.client;
    this.#log = options.log;
    this.#clock = options.clock ?? systemClock;
  }

  recorder(component: string, host = ''): EventRecorder {
    return {
      event: (about, type, reason, message) => {
        const at = this.#clock.now();
        this.#enqueue({ about: referenceTo(about), type, reason, message, component, host, at });
      },
    };
  }

  async run(signal: AbortSignal): Promise<void> {
    const wake = (): void => {
      this.#wake?.();
    };
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      const observation = this.#queue.shift();
      if (observation !== undefined) {
        await this.#write(this.#correlator.decide(observation), signal);
        continue;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    signal.removeEventListener('abort', wake);
  }

  #enqueue(observation: Observation): void {
    if (this.#queue.length >= queueLimit) {
      this.#dropped++;
      if (this.#dropped === 1) this.#log.warn('events are dropped: the queue is full', { queueLimit });
      return;
    }
    if (this.#dropped > 0 && this.#queue.length === 0) {
      this.#log.info('events are recorded again', { dropped: this.#dropped });
      this.#dropped = 0;
    }
    this.#queue.push(observation);
    this.#wake?.();
  }

  /** Tries until the server has the Event or refuses it. */
  async #write(decision: EventDecision, signal: AbortSignal): Promise<void> {
    if (decision.kind === 'drop') return;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await this.#send(decision);
        return;
      } catch (error) {
        if (!isStatusError(error, 'ServiceUnavailable') && !isStatusError(error, 'Timeout')) {
          this.#correlator.forget(decision.key);
          const { involvedObject, reason } = decision.event;
          this.#log.warn('an event was refused', { about: involvedObject.name, reason, err: error });
          return;
        }
        await sleep(this.#clock, backoffDelayMs(Math.min(attempt, 10), retryBackoff), signal);
      }
    }
  }

  async #send(decision: Exclude<EventDecision, { kind: 'drop' }>): Promise<void> {
    const resource = this.#client.resource(events);
    const { event } = decision;
    if (decision.kind === 'repeat') {
      const { count, lastTimestamp, message } = event;
      try {
        await resource.patch(event.metadata, 'merge', { count, lastTimestamp, message });
        return;
      } catch (error) {
        // The known one has expired on the server: it becomes a new object.
        if (!isStatusError(error, 'NotFound')) throw error;
      }
    }
    try {
      await resource.create(event);
    } catch (error) {
      // A try whose answer was lost did arrive. The namespace may be on its way out: then nobody will look.
      if (isStatusError(error, 'AlreadyExists') || isStatusError(error, 'NotFound')) return;
      if (isStatusError(error, 'Forbidden') && error.message.includes('being terminated')) return;
      throw error;
    }
  }
}

/** What `involvedObject` says of an object. */
export function referenceTo(object: KubernetesObject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return {
    kind: object.kind,
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
    name,
    uid,
    apiVersion: object.apiVersion,
    ...(resourceVersion === '' ? {} : { resourceVersion }),
  };
}
