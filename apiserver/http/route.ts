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
  const parts = path.split('/').filter((part) => part !== '');
  const group = parts[0] === 'apis' ? (parts[1] ?? '') : '';
  const start = parts[0] === 'api' ? 1 : parts[0] === 'apis' ? 2 : -1;
  const version = start < 0 ? undefined : parts[start];
  if (version === undefined) return undefined;
  let rest = parts.slice(start + 1).map(decode);
  const legacyWatch = rest[0] === 'watch';
  if (legacyWatch) rest = rest.slice(1);
  if (rest.length === 0) return undefined;
  const base = { group, version, legacyWatch };
  // `namespaces/x/<resource>` is a resource inside of x, unless the third part is a subresource of the namespace.
  if (rest[0] === 'namespaces' && rest.length >= 3 && !namespaceSubresources.has(rest[2] ?? '')) {
    const [, namespace = '', resource = '', name = '', subresource = '', ...tail] = rest;
    return { ...base, namespace, resource, name, subresource, rest: tail };
  }
  const [resource = '', name = '', subresource = '', ...tail] = rest;
  return { ...base, namespace: '', resource, name, subresource, rest: tail };
}

const namespaceSubresources: ReadonlySet<string> = new Set(['status', 'finalize']);

function decode(part: string): string {
  if (!part.includes('%')) return part;
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new StatusError('BadRequest', `the path has a part that is not valid percent-encoding: ${part}`, {
      cause,
    });
  }
}
