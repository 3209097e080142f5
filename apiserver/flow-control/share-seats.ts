/**
 * How many seats each priority level gets: first by its shares, then, as load comes and goes, by what it needs within
 * the limits of lending and borrowing (Kubernetes enhancement 1040). Pure.
 */
import type { PriorityLevelConfiguration } from '../../api/generated/flowcontrol-v1.js';

export interface SeatLimits {
  /** By shares alone. */
  readonly nominal: number;
  /** What is left when all that can be lent is lent. */
  readonly min: number;
  /** What it has when it borrows all that it may. */
  readonly max: number;
}

/** The limits of each level, by name, of a server with so many seats. */
export function seatLimits(
  levels: readonly PriorityLevelConfiguration[],
  serverSeats: number,
): ReadonlyMap<string, SeatLimits> {
  const terms = levels.map(({ metadata, spec }) => {
    const { nominalConcurrencyShares = 0, lendablePercent = 0 } = spec.exempt ?? spec.limited ?? {};
    return {
      name: metadata.name,
      shares: nominalConcurrencyShares,
      lendablePercent,
      // A level without a limit may borrow all; an exempt one needs no seats, it can only lend.
      borrowingLimitPercent: spec.limited?.borrowingLimitPercent,
    };
  });
  const allShares = terms.reduce((sum, { shares }) => sum + shares, 0);
  return new Map(
    terms.map(({ name, shares, lendablePercent, borrowingLimitPercent }) => {
      const nominal = allShares === 0 ? 0 : Math.ceil((serverSeats * shares) / allShares);
      const min = nominal - Math.round((nominal * lendablePercent) / 100);
      const max =
        borrowingLimitPercent === undefined
          ? serverSeats
          : Math.min(serverSeats, nominal + Math.round((nominal * borrowingLimitPercent) / 100));
      return [name, { nominal, min, max }];
    }),
  );
}

/** What a level used and wanted over the last period, in seats. */
export interface SeatDemand {
  readonly average: number;
  readonly standardDeviation: number;
  readonly highest: number;
  /** The smoothed demand that the period before left. */
  readonly smoothed: number;
}

/** Demand that has passed still counts for a while: half of it after five minutes of periods of ten seconds. */
const persistence = 0.977;

/** Rises at once with the demand and falls slowly, so that a load in waves keeps its seats. */
export function smoothDemand({ average, standardDeviation, highest, smoothed }: SeatDemand): number {
  const envelope = Math.min(average + standardDeviation, highest);
  return Math.max(envelope, persistence * smoothed + (1 - persistence) * envelope);
}

export interface SeatClaim {
  readonly name: string;
  readonly limits: SeatLimits;
  readonly highest: number;
  readonly smoothed: number;
}

export interface SeatShares {
  /** The part of their targets that all get whose limits allow it. */
  readonly fairFraction: number;
  readonly seats: ReadonlyMap<string, number>;
}

/** Seats that a level holds on to: those of its nominal ones that it used in the last period, at least its minimum. */
function keptSeats({ limits, highest }: SeatClaim): number {
  return Math.max(limits.min, Math.min(limits.nominal, highest));
}

/** Seats that a level asks for. */
export function targetOf(claim: SeatClaim): number {
  return Math.max(keptSeats(claim), claim.smoothed, 1e-3);
}

/**
 * Shares all seats out. Every claim first gets the nominal seats that it used in the last period, at least its minimum;
 * the rest goes to all in proportion to what they want, up to their maximum.
 */
export function shareSeats(claims: readonly SeatClaim[], serverSeats: number): SeatShares {
  const bounded = claims.map((claim) => {
    const min = keptSeats(claim);
    return { name: claim.name, min, max: Math.max(min, claim.limits.max), target: targetOf(claim) };
  });
  const atFraction = (fraction: number): number =>
    bounded.reduce((sum, { min, max, target }) => sum + clamp(fraction * target, min, max), 0);
  // The sum grows with the fraction: halve the interval that holds the right one.
  let low = 0;
  let high = Math.max(1, ...bounded.map(({ max, target }) => max / target));
  if (atFraction(high) <= serverSeats) low = high;
  for (let i = 0; i < 60 && low < high; i++) {
    const middle = (low + high) / 2;
    if (atFraction(middle) > serverSeats) high = middle;
    else low = middle;
  }
  const seats = new Map(
    bounded.map(({ name, min, max, target }) => [name, Math.round(clamp(low * target, min, max))]),
  );
  return { fairFraction: low, seats };
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(max, Math.max(min, value));
}
