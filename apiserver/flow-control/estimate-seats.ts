/** How much work a request for a resource is: counted for those that read whole collections. */
import type { RequestAttributes } from '../filters/authorization.js';
import type { ServedResource } from '../handlers/context.js';
import type { Exchange } from '../http/exchange.js';
import { seatsOfList } from './estimate-work.js';

/** Seats, at least 1. A watch that begins with the state as it is does the work of a list. */
export function estimateSeats(
  { query }: Exchange,
  { verb, resource }: RequestAttributes,
  { storage }: ServedResource,
): number {
  const lists = verb === 'list' || (verb === 'watch' && query.get('sendInitialEvents') === 'true');
  if (!lists || resource === undefined) return 1;
  // What is no number is refused later, with the right words.
  const limit = Number(query.get('limit') ?? 0);
  return seatsOfList({
    stored: storage.count(resource.namespace),
    limit: limit > 0 ? limit : undefined,
    selective: (query.get('labelSelector') ?? '') !== '' || (query.get('fieldSelector') ?? '') !== '',
  });
}
