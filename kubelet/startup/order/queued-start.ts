/** One start that waits, as the order sees it. */
export interface QueuedStart {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  /** The uid of the controller that owns the Pod, or the Pod's own: owners are served in turn. */
  readonly ownerKey: string;
  /** The Pod's `spec.priority` (0 without any), or that of a Pod that waits for this one, if it is higher. */
  readonly priority: number;
  /** A static Pod, or one of a system-critical class, or one that such a Pod waits for. */
  readonly isCritical: boolean;
  readonly queuedAtMs: number;
  /** What it must come after is not ready yet: it is not admitted, and nobody waits behind it. */
  readonly isBlocked: boolean;
  /** Others must come after this one. */
  readonly isAwaited: boolean;
  /** Nothing must be pulled for it. */
  readonly areImagesPresent: boolean;
  /** What it says that it reads and writes until it is ready; undefined: it says nothing. */
  readonly expectedBytes: number | undefined;
  /** The keys of the devices that it needs a slot of. */
  readonly devices: readonly string[];
}
