/**
 * The port of what decides how many starts one device carries at once. Pure: a controller is a function from samples to
 * a limit, and its whole memory is the state that it is given back.
 */

/** What happened on one device since the sample before. The engine takes one every 500 ms. */
export interface StartupSample {
  /** A clock that never goes back. */
  readonly nowMs: number;
  /** Since the sample before. */
  readonly elapsedMs: number;
  /** 0 to 1: the share of the time in which some task waited for this device; undefined without PSI. */
  readonly pressure: number | undefined;
  /** 0 to 1: the share of the time in which the device was busy; undefined without diskstats. */
  readonly utilization: number | undefined;
  /** Mean time of the requests that ended; undefined when there were none, or without diskstats. */
  readonly awaitMs: number | undefined;
  readonly requestsInFlight: number | undefined;
  readonly bytesPerSecond: number | undefined;
  /** Starts that hold a slot now. */
  readonly held: number;
  /** Starts that wait for a slot of this device. */
  readonly queued: number;
  /** Starts that became Ready; the duration counts from the container's start. */
  readonly completions: readonly { readonly durationMs: number }[];
  /** Starts that were killed or failed. */
  readonly failures: number;
  /** The greatest age since container start, divided by its deadline, of the starts that hold a slot; 0 without any. */
  readonly worstDeadlineShare: number;
  /** The smallest deadline of the starts that hold a slot. */
  readonly smallestDeadlineMs: number | undefined;
  /** The longest call to the runtime that touches this device and is in flight or ended since the sample before. */
  readonly slowestCallMs: number;
}

export interface ControllerState {
  /** How many starts may hold a slot: a whole number, at least 1. */
  readonly limit: number;
  /** The least time between two admissions of others than critical Pods while a slot is held; undefined: none. */
  readonly spacingMs?: number;
  /** The device has no room for one start more: probes spare who makes progress, and the node says so. */
  readonly isSaturated: boolean;
}

export interface StartupController<S extends ControllerState = ControllerState> {
  readonly name: string;
  /** The state of a device that nothing is known of. */
  begin(): S;
  step(state: S, sample: StartupSample): S;
}
