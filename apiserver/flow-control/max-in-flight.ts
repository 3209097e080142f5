/** The plain limits of a server without API priority and fairness: so many reads and so many writes at once. */
import { tooManyRequests } from './flow-controller.js';
import type { Admission, LimitedRequest, RequestLimiter } from './request-limiter.js';
import { turnOfOthers, unlimited } from './request-limiter.js';

/** 0 is no limit, as in Kubernetes. */
export interface InFlightLimits {
  readonly readOnly: number;
  readonly mutating: number;
}

const readingVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch', 'head']);

/** By a request's verb, as Kubernetes counts it. */
export function requestKind(verb: string): 'readOnly' | 'mutating' {
  return readingVerbs.has(verb) ? 'readOnly' : 'mutating';
}

export class MaxInFlight implements RequestLimiter {
  readonly #limits: InFlightLimits;
  readonly #running = { readOnly: 0, mutating: 0 };

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  async admit({ attributes, longRunning }: LimitedRequest): Promise<Admission> {
    if (longRunning) return unlimited;
    const kind = requestKind(attributes.verb);
    const limit = this.#limits[kind];
    // Whoever has to repair the cluster must not be kept out by those who overload it.
    const privileged = attributes.user.groups.includes('system:masters');
    if (limit > 0 && this.#running[kind] >= limit && !privileged) throw tooManyRequests();
    this.#running[kind]++;
    let released = false;
    return {
      turn: turnOfOthers,
      release: () => {
        if (released) return;
        released = true;
        this.#running[kind]--;
      },
    };
  }
}
