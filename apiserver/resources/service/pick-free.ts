/** Chooses a free number of a range. Pure: who has what is asked, and nothing is taken. */
export interface NumberRange {
  /** Numbers are 0 … size-1. */
  readonly size: number;
  /**
   * Numbers below this are left to those who ask for one by name, as long as there are others: a fixed address
   * chosen by a person rarely meets one that was handed out.
   */
  readonly reservedForRequests: number;
}

/** A free number, or undefined when there is none left. */
export function pickFree(
  { size, reservedForRequests }: NumberRange,
  isTaken: (number: number) => boolean,
  random: () => number,
): number | undefined {
  const reserved = Math.min(reservedForRequests, size);
  return pickBetween(reserved, size, isTaken, random) ?? pickBetween(0, reserved, isTaken, random);
}

/** Begins at a random place and goes round, so that it ends even when the range is nearly full. */
function pickBetween(
  from: number,
  until: number,
  isTaken: (number: number) => boolean,
  random: () => number,
): number | undefined {
  const count = until - from;
  const start = Math.floor(random() * count);
  for (let step = 0; step < count; step++) {
    const number = from + ((start + step) % count);
    if (!isTaken(number)) return number;
  }
  return undefined;
}
