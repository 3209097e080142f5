/**
 * Shuffle sharding: each flow is dealt a hand of queues like cards from a deck, and its requests wait in the emptiest
 * of them. Two flows rarely have the same hand, so one that fills its queues leaves others at least one of theirs.
 */
import { createHash } from 'node:crypto';

/** A number that spreads flows evenly; the same flow has the same one in every server. */
export function hashFlow(flowSchema: string, distinguisher: string): bigint {
  const hash = createHash('sha256');
  // The length keeps ('a', 'bc') and ('ab', 'c') apart.
  hash.update(`${flowSchema.length}:${flowSchema}:${distinguisher}`);
  return hash.digest().readBigUInt64LE();
}

/** `handSize` different numbers below `deckSize`, determined by the hash: draws without putting back. */
export function dealHand(hash: bigint, deckSize: number, handSize: number): readonly number[] {
  if (handSize > deckSize)
    throw new RangeError(`a hand of ${handSize} cannot be dealt from ${deckSize} queues`);
  let rest = hash;
  const hand: number[] = [];
  for (let i = 0; i < handSize; i++) {
    const left = BigInt(deckSize - i);
    // The number of a card among those that are still in the deck …
    let card = Number(rest % left);
    rest /= left;
    // … and among all: each smaller card that was dealt before moves it up by one.
    for (const dealt of hand.toSorted((a, b) => a - b)) {
      if (card < dealt) break;
      card++;
    }
    hand.push(card);
  }
  return hand;
}
