/** How much history a store keeps for watches and chunked lists, and when it forgets: a pure decision. */

export interface RetentionLimits {
  /** So many of the last revisions stay however old they are, for watchers that come back after a pause. */
  readonly minRevisions: number;
  /** Never more than this, however young. */
  readonly maxRevisions: number;
  readonly maxBytes: number;
  /** Between the two, a revision stays for this time. Kubernetes keeps five minutes. */
  readonly minAgeMs: number;
}

export const defaultRetention: RetentionLimits = {
  minRevisions: 1_000,
  maxRevisions: 20_000,
  maxBytes: 32 * 1024 * 1024,
  minAgeMs: 5 * 60_000,
};

/** At `atMs` the store had reached `revision`. */
export interface RevisionMark {
  readonly atMs: number;
  readonly revision: number;
}

export interface HistorySize {
  readonly revision: number;
  readonly length: number;
  readonly bytes: number;
}

/**
 * The revision to compact to, or undefined when all history is worth its room. When a hard limit is passed, a
 * quarter more than needed goes, so that this does not happen on every write.
 */
export function chooseCompactRevision(
  size: HistorySize,
  marks: readonly RevisionMark[],
  nowMs: number,
  limits: RetentionLimits,
): number | undefined {
  let keep = size.length;
  const expired = marks.findLast((mark) => mark.atMs <= nowMs - limits.minAgeMs);
  if (expired !== undefined) {
    keep = Math.min(keep, Math.max(limits.minRevisions, size.revision - expired.revision));
  }
  if (size.length > limits.maxRevisions) keep = Math.min(keep, Math.floor(limits.maxRevisions * 0.75));
  if (size.bytes > limits.maxBytes) {
    const perRevision = size.bytes / Math.max(1, size.length);
    keep = Math.min(keep, Math.floor((limits.maxBytes * 0.75) / perRevision));
  }
  return keep < size.length ? size.revision - keep : undefined;
}
