/** What stands in objects that are watched, so that who sees an event knows when it was sent. */

/** What a writer puts into an object, so that whoever sees the event knows when it was sent. */
export function stampNow(): string {
  return `sent@${(performance.timeOrigin + performance.now()).toFixed(3)}@`;
}
/** Stands in the last event that watches wait for. */
export const lastMark = 'last@';
export const stamp = /sent@([\d.]+)@/g;
