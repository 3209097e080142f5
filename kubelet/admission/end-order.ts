/** Why the node ends a Pod that its owner still wants: at the door, under pressure, or because the node goes down. */
export interface EndOrder {
  /** `Evicted`, `OutOfcpu`, `Terminated`, …: the Pod's `status.reason`. */
  readonly reason: string;
  readonly message: string;
  /** Nothing of the Pod was ever started here. */
  readonly isRejection?: boolean;
  /** Told in a condition DisruptionTarget with the reason TerminationByKubelet. */
  readonly isDisruption?: boolean;
  /** What the condition says, where that is not `message`. */
  readonly disruptionMessage?: string;
  /** Take away at once what it left on the disk, logs included: the room is needed. */
  readonly freesDisk?: boolean;
  /** Between the stop signal and SIGKILL; as long as the Pod says when absent. */
  readonly gracePeriodSeconds?: number;
}
