/** Reads `signal.aborted` anew: the type checker would believe that it cannot change across an await. */
export function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
