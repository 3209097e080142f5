/** Answers /version, /api, /apis and what is below them, up to the resources. */
import { createHash } from 'node:crypto';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Exchange } from '../http/exchange.js';
import { parseAccept } from '../http/negotiation.js';
import { jsonType, respondJson } from '../http/respond.js';
import { aggregatedDiscovery, apiGroup, apiGroupList, resourceList } from './resource-lists.js';
import { versionInfo } from '../../common/version.js';

export interface DiscoveryOptions {
  /** What is served now: the same list until that changes. */
  readonly definitions: () => readonly ResourceDefinition[];
  /** `host:port` under which clients reach this server. */
  readonly serverAddress: () => string;
}

interface CachedDocument {
  readonly body: Buffer;
  readonly etag: string;
}

export class DiscoveryHandler {
  readonly #options: DiscoveryOptions;
  readonly #aggregated = new Map<string, CachedDocument>();
  #aggregatedOf: readonly ResourceDefinition[] = [];

  constructor(options: DiscoveryOptions) {
    this.#options = options;
  }

  /** False when the path is not discovery's. */
  handle(exchange: Exchange): boolean {
    const path = exchange.path.replace(/\/+$/, '');
    if (path === '/version') {
      respondJson(exchange, 200, versionInfo());
      return true;
    }
    const parts = path.split('/').slice(1);
    if (parts[0] !== 'api' && parts[0] !== 'apis') return false;
    if (parts.length === 1 && this.#handleAggregated(exchange, parts[0])) return true;
    const document = this.#document(parts);
    if (document === undefined) return false;
    respondJson(exchange, 200, document);
    return true;
  }

  #document([root = '', group = '', version = '', ...rest]: readonly string[]): object | undefined {
    const definitions = this.#options.definitions();
    if (rest.length > 0) return undefined;
    if (root === 'api') {
      if (version !== '') return undefined;
      return group === '' ? this.#apiVersions() : resourceList(definitions, { group: '', version: group });
    }
    if (group === '') return apiGroupList(definitions);
    return version === '' ? apiGroup(definitions, group) : resourceList(definitions, { group, version });
  }

  #apiVersions(): object {
    return {
      kind: 'APIVersions',
      versions: ['v1'],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: this.#options.serverAddress() }],
    };
  }

  /** One document instead of one for each group version; clients keep it and ask whether it is still the same. */
  #handleAggregated(exchange: Exchange, root: 'api' | 'apis'): boolean {
    const version = aggregatedVersion(exchange.headers.accept);
    if (version === undefined) return false;
    const key = `${root} ${version}`;
    const definitions = this.#options.definitions();
    if (definitions !== this.#aggregatedOf) {
      this.#aggregated.clear();
      this.#aggregatedOf = definitions;
    }
    let document = this.#aggregated.get(key);
    if (document === undefined) {
      const which = root === 'api' ? 'core' : 'groups';
      const body = Buffer.from(JSON.stringify(aggregatedDiscovery(definitions, which, version)));
      const hash = createHash('sha256').update(body).digest('hex').toUpperCase();
      document = { body, etag: `"${hash}"` };
      this.#aggregated.set(key, document);
    }
    const headers = { etag: document.etag, vary: 'Accept', 'cache-control': 'public' };
    if (exchange.headers['if-none-match'] === document.etag) exchange.respond(304, headers);
    else
      exchange.respond(
        200,
        {
          ...headers,
          'content-type': `${jsonType};g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`,
        },
        document.body,
      );
    return true;
  }
}

/** The version of aggregated discovery that the client prefers to the old lists, if it does. */
function aggregatedVersion(accept: string | undefined): 'v2' | 'v2beta1' | undefined {
  for (const { type, parameters } of parseAccept(accept ?? '')) {
    if (type !== jsonType) continue;
    if (parameters.get('as') === undefined) return undefined;
    const version = parameters.get('v');
    if (
      parameters.get('as') === 'APIGroupDiscoveryList' &&
      parameters.get('g') === 'apidiscovery.k8s.io' &&
      (version === 'v2' || version === 'v2beta1')
    )
      return version;
  }
  return undefined;
}
