/** What a WATCH is asked for. Pure; the rules that Kubernetes documents for its parameters. */
import type { Exchange } from '../http/exchange.js';
import { checkOptions, readBoolean, readInteger, readResourceVersion } from './request-options.js';

export interface WatchOptions {
  /** Undefined where the client has not said how long. */
  readonly timeoutMs: number | undefined;
  readonly bookmarks: boolean;
  /** Begin with the state as it is. */
  readonly initialEvents: boolean;
  /** And say when it was complete. */
  readonly marksInitialEnd: boolean;
  /** Undefined for now; 0 for whatever the cache has. */
  readonly revision: number | undefined;
}

/** Throws BadRequest for what cannot be read, and Invalid for what contradicts itself. */
export function readWatchOptions(asked: Pick<Exchange, 'query'>): WatchOptions {
  const seconds = readInteger(asked, 'timeoutSeconds') ?? 0;
  const bookmarks = readBoolean(asked, 'allowWatchBookmarks') ?? false;
  const sendInitial = readBoolean(asked, 'sendInitialEvents');
  const match = asked.query.get('resourceVersionMatch') ?? '';
  checkOptions('ListOptions', (violations) => {
    const path = 'resourceVersionMatch';
    if (sendInitial !== undefined && match !== 'NotOlderThan')
      violations.forbidden(path, 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan');
    if (match === '') return;
    if (sendInitial === undefined)
      violations.forbidden(
        path,
        'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
      );
    if (match !== 'NotOlderThan') violations.notSupported(path, match, ['NotOlderThan']);
    if ((asked.query.get('continue') ?? '') !== '')
      violations.forbidden(path, 'resourceVersionMatch is forbidden when continue is provided');
  });
  const revision = readResourceVersion(asked);
  return {
    timeoutMs: seconds === 0 ? undefined : seconds * 1000,
    bookmarks,
    initialEvents: sendInitial ?? (revision === undefined || revision === 0),
    marksInitialEnd: sendInitial === true && bookmarks,
    revision,
  };
}
