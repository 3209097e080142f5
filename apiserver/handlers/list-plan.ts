/**
 * What a LIST, or a DELETE of a collection, reads: which revision, and how much of it. Pure; the matrix of
 * resourceVersion, resourceVersionMatch, limit and continue that Kubernetes documents under "API concepts".
 */
import { StatusError } from '../../api/status-error.js';
import type { Exchange } from '../http/exchange.js';
import { decodeContinue, latestRevision } from './continue-token.js';
import { checkOptions, readInteger, readResourceVersion } from './request-options.js';

export interface ListPlan {
  readonly limit: number | undefined;
  /** The key to go on with, relative to the collection's prefix. */
  readonly start: string | undefined;
  /** Exactly this revision; undefined for the newest. */
  readonly revision: number | undefined;
  /** At least this revision; 0 for whatever there is. */
  readonly notOlderThan: number | undefined;
}

/** Throws BadRequest for what cannot be read, and Invalid for what contradicts itself. */
export function readListPlan(asked: Pick<Exchange, 'query'>): ListPlan {
  const { query } = asked;
  const limit = readInteger(asked, 'limit');
  const token = query.get('continue') ?? '';
  const version = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  checkOptions('ListOptions', (violations) => {
    if (match !== '') {
      const path = 'resourceVersionMatch';
      if (version === '')
        violations.forbidden(path, 'resourceVersionMatch is forbidden unless resourceVersion is provided');
      if (token !== '')
        violations.forbidden(path, 'resourceVersionMatch is forbidden when continue is provided');
      if (match !== 'Exact' && match !== 'NotOlderThan')
        violations.notSupported(path, match, ['Exact', 'NotOlderThan', '']);
      if (match === 'Exact' && version === '0')
        violations.forbidden(path, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"');
    }
    if (query.has('sendInitialEvents'))
      violations.forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list');
  });
  const base = { limit: limit === 0 ? undefined : limit, start: undefined };
  const revision = readResourceVersion(asked);
  if (token !== '') {
    if (revision !== undefined && revision !== 0)
      throw new StatusError('BadRequest', 'specifying resource version is not allowed when using continue');
    const from = decodeContinue(token);
    return {
      ...base,
      start: from.start,
      revision: from.revision === latestRevision ? undefined : from.revision,
      notOlderThan: undefined,
    };
  }
  // A version with a limit and nothing else said means exactly that version.
  const exact = match === 'Exact' || (match === '' && base.limit !== undefined && revision !== 0);
  return exact
    ? { ...base, revision, notOlderThan: undefined }
    : { ...base, revision: undefined, notOlderThan: revision };
}
