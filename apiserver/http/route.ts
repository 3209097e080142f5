/** Takes apart the paths of the Kubernetes API: who is addressed, and through which subresource. */
import { StatusError } from '../../api/status-error.js';

export interface ResourcePath {
  readonly group: string;
  readonly version: string;
  /** '' for cluster scope, or for a collection over all namespaces. */
  readonly namespace: string;
  /** Plural, as in the URL. */
  readonly resource: string;
  /** '' for a collection. */
  readonly name: string;
  readonly subresource: string;
  /** What follows the subresource (proxy paths). */
  readonly rest: readonly string[];
  /** The old form `/api/v1/watch/...`: a watch whatever the query says. */
  readonly legacyWatch: boolean;
}

/** Undefined when the path names no resource: discovery, health, and what is not there. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const parts = partsOf(path);
  const group = parts[0] === 'apis' ? (parts[1] ?? '') : '';
  const start = parts[0] === 'api' ? 1 : parts[0] === 'apis' ? 2 : -1;
  const version = start < 0 ? undefined : parts[start];
  if (version === undefined) return undefined;
  const legacyWatch = decode(parts[start + 1]) === 'watch';
  const first = start + (legacyWatch ? 2 : 1);
  if (first >= parts.length) return undefined;
  // `namespaces/x/<resource>` is a resource inside of x, unless the third part is a subresource of the namespace.
  const isInside =
    decode(parts[first]) === 'namespaces' &&
    parts.length - first >= 3 &&
    !namespaceSubresources.has(decode(parts[first + 2]));
  const at = isInside ? first + 2 : first;
  return {
    group,
    version,
    legacyWatch,
    namespace: isInside ? decode(parts[first + 1]) : '',
    resource: decode(parts[at]),
    name: decode(parts[at + 1]),
    subresource: decode(parts[at + 2]),
    rest: parts.length > at + 3 ? parts.slice(at + 3).map(decode) : none,
  };
}

const none: readonly string[] = [];

/** Every request passes here: a loop, because lists that are filtered, cut and spread cost ten times as much. */
function partsOf(path: string): readonly string[] {
  const parts: string[] = [];
  let start = 0;
  for (;;) {
    const slash = path.indexOf('/', start);
    const end = slash < 0 ? path.length : slash;
    if (end > start) parts.push(path.slice(start, end));
    if (slash < 0) return parts;
    start = slash + 1;
  }
}

const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

function decode(part = ''): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new StatusError('BadRequest', `the path has a part that is not valid percent-encoding: ${part}`, {
      cause,
    });
  }
}
