/** What an answer of the API says about a write, and nothing more than that. Pure. */
import type { WriteOutcome } from '../support/history/history.js';
import { textOf } from '../support/apiserver-fixture.js';
import type { Reply } from './transport.js';

export type WriteKind = 'create' | 'update' | 'patch' | 'delete';

/** Undefined when the request was never sent. Throws on an answer that no such request may have. */
export function outcomeOf(kind: WriteKind, reply: Reply): WriteOutcome | { kind: 'deleted' } | undefined {
  if (reply.kind === 'not sent') return undefined;
  if (reply.kind === 'lost') return { kind: 'unknown' };
  const { status, json } = reply;
  switch (status) {
    case 200:
    case 201:
      if (kind === 'delete') return { kind: 'deleted' };
      return { kind: 'written', revision: Number(textOf(json['metadata']?.['resourceVersion'])) };
    case 404:
      return { kind: 'refused', reason: 'missing' };
    case 409:
      // A patch names no version: the server gave up on others that were faster, which says nothing of the state.
      if (kind === 'patch') return { kind: 'refused', reason: 'unavailable' };
      return { kind: 'refused', reason: kind === 'create' ? 'exists' : 'conflict' };
    case 429:
    case 503:
      return { kind: 'refused', reason: 'unavailable' };
    case 504:
      // The server does not know.
      return { kind: 'unknown' };
    default:
      throw new Error(`a ${kind} was answered with ${status}: ${JSON.stringify(json)}`);
  }
}
