/**
 * OpenID Connect discovery: lets others (a vault, a cloud) check tokens of this cluster's service accounts by
 * themselves. The documents do not change while the server runs.
 */
import type { Exchange } from '../http/exchange.js';
import { keySet } from '../service-accounts/signing-keys.js';
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.js';

const configurationPath = '/.well-known/openid-configuration';
const keysPath = '/openid/v1/jwks';

export class OpenIdHandler {
  readonly #tokens: ServiceAccountTokens;
  readonly #serverAddress: () => string;

  /** `serverAddress` is asked at each request: the port is known late. */
  constructor(tokens: ServiceAccountTokens, serverAddress: () => string) {
    this.#tokens = tokens;
    this.#serverAddress = serverAddress;
  }

  /** False when the path is none of these documents. */
  handle(exchange: Exchange): boolean {
    if (exchange.path === configurationPath) {
      respond(exchange, 'application/json', this.#configuration());
      return true;
    }
    if (exchange.path === keysPath) {
      respond(exchange, 'application/jwk-set+json', keySet(this.#tokens.keys));
      return true;
    }
    return false;
  }

  #configuration(): object {
    const { options, keys } = this.#tokens;
    return {
      issuer: options.issuers[0],
      jwks_uri: options.jwksUri ?? `https://${this.#serverAddress()}${keysPath}`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))],
    };
  }
}

function respond(exchange: Exchange, type: string, document: object): void {
  exchange.respond(
    200,
    { 'content-type': type, 'cache-control': 'public, max-age=3600' },
    JSON.stringify(document),
  );
}
