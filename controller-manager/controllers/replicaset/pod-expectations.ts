/**
 * What a controller has written and its cache has not shown yet.
 *
 * The cache is always a little behind. A controller that counts Pods in it right after making some would not see
 * them and make them again. So it notes what it expects to see, and does not count before it has seen all of it.
 *
 * Creations are known by the name that the controller has chosen. When the answer to a creation is lost, nobody knows
 * whether the Pod exists: its name is kept and used again for the next creation, so that the server itself
 * (AlreadyExists) keeps it from being made twice.
 *
 * A restarted controller begins with a fresh list and therefore needs no memory.
 */
import type { Clock } from '../../../common/clock.js';

/** After this time something else must be wrong, and counting what is there is the best that can be done. */
const expectationLifetimeMs = 5 * 60_000;

interface Expectations {
  readonly creations: Set<string>;
  readonly deletions: Set<string>;
  readonly uncertainNames: Set<string>;
  setAtMs: number;
}

/** Keys are `namespace/name` of the owner. Not shared between kinds of owners. */
export class PodExpectations {
  readonly #clock: Clock;
  readonly #byOwner = new Map<string, Expectations>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Milliseconds until the owner's Pods may be counted at the latest; 0 when they may be counted now. */
  waitMs(owner: string): number {
    const expectations = this.#byOwner.get(owner);
    if (expectations === undefined) return 0;
    if (expectations.creations.size + expectations.deletions.size === 0) return 0;
    const ageMs = this.#clock.monotonicMs() - expectations.setAtMs;
    return Math.max(0, expectationLifetimeMs - ageMs);
  }

  /** A creation is about to be sent. */
  expectCreation(owner: string, podName: string): void {
    const expectations = this.#of(owner);
    expectations.uncertainNames.delete(podName);
    expectations.creations.add(podName);
  }

  /** A deletion is about to be sent. */
  expectDeletion(owner: string, podUid: string): void {
    this.#of(owner).deletions.add(podUid);
  }

  /** The cache shows the Pod. */
  sawPod(owner: string, podName: string): void {
    const expectations = this.#byOwner.get(owner);
    expectations?.creations.delete(podName);
    expectations?.uncertainNames.delete(podName);
  }

  /** The cache shows that the Pod is gone or going. */
  sawDeletion(owner: string, podUid: string): void {
    this.#byOwner.get(owner)?.deletions.delete(podUid);
  }

  /** The server refused: nothing is to be seen. */
  creationRefused(owner: string, podName: string): void {
    this.#byOwner.get(owner)?.creations.delete(podName);
  }

  /** The answer was lost: the name must be used again. */
  creationUncertain(owner: string, podName: string): void {
    // The informer may have brought the Pod before the error came.
    const expectations = this.#byOwner.get(owner);
    if (expectations?.creations.delete(podName) === true) expectations.uncertainNames.add(podName);
  }

  uncertainNames(owner: string): readonly string[] {
    return [...(this.#byOwner.get(owner)?.uncertainNames ?? [])];
  }

  /** The owner is gone. */
  forget(owner: string): void {
    this.#byOwner.delete(owner);
  }

  #of(owner: string): Expectations {
    let expectations = this.#byOwner.get(owner);
    if (expectations === undefined) {
      expectations = { creations: new Set(), deletions: new Set(), uncertainNames: new Set(), setAtMs: 0 };
      this.#byOwner.set(owner, expectations);
    }
    if (this.waitMs(owner) === 0) {
      // What is left over has expired.
      expectations.creations.clear();
      expectations.deletions.clear();
    }
    expectations.setAtMs = this.#clock.monotonicMs();
    return expectations;
  }
}
