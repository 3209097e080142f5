/** How many seats a request takes, by Kubernetes' estimate: one, and more for a list of many objects. Pure. */

const objectsPerSeat = 100;
const maxSeats = 10;
/** One request takes at most this part of a level's seats, so that small levels serve large lists at all. */
const maxFractionOfLevel = 0.15;

export interface ListSize {
  /** How many objects the collection has. */
  readonly stored: number;
  readonly limit: number | undefined;
  /** Only some of them are wanted: more are read than sent. */
  readonly selective: boolean;
}

/** Seats of a LIST. */
export function seatsOfList({ stored, limit, selective }: ListSize): number {
  const wanted = limit === undefined ? stored : Math.min(limit, stored);
  const read = selective && limit !== undefined ? stored : wanted;
  return Math.min(maxSeats, Math.max(1, Math.ceil(read / objectsPerSeat)));
}

/** No request may take more than this many seats of a level. */
export function maxSeatsPerRequest(nominalSeats: number): number {
  return Math.min(maxSeats, Math.max(1, Math.ceil(nominalSeats * maxFractionOfLevel)));
}
