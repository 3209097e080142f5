/** Times as API objects carry them (RFC 3339, UTC), from milliseconds since the epoch. */

/** metav1.Time: whole seconds. */
export function timestamp(atMs: number): string {
  return new Date(atMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** metav1.MicroTime: microseconds, as Leases carry them. */
export function microTimestamp(atMs: number): string {
  return new Date(atMs).toISOString().replace('Z', '000Z');
}
