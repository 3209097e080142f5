/** Answers /openapi/v2 and /openapi/v3. The documents are built when the first client asks. */
import type { OpenApiPublisher, PublishedDocument } from '../../api/openapi/publisher.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Schema } from '../../api/schema/model.js';
import type { Exchange } from '../http/exchange.js';
import { gitVersion } from './version.js';

export class OpenApiHandler {
  readonly #schema: Schema;
  readonly #definitions: () => readonly ResourceDefinition[];
  #publisher: Promise<OpenApiPublisher> | undefined;
  #publishedOf: readonly ResourceDefinition[] = [];

  /** `definitions` answers with the same list until what is served changes. */
  constructor(schema: Schema, definitions: () => readonly ResourceDefinition[]) {
    this.#schema = schema;
    this.#definitions = definitions;
  }

  /** False when the path is not one of the documents. */
  async handle(exchange: Exchange): Promise<boolean> {
    const [, root, version, ...rest] = exchange.path.split('/');
    if (root !== 'openapi' || (version !== 'v2' && version !== 'v3')) return false;
    const publisher = await this.#load();
    const name = rest.join('/');
    const document =
      version === 'v2' && name === ''
        ? await publisher.v2(exchange.headers.accept)
        : version === 'v2'
          ? undefined
          : name === ''
            ? await publisher.v3Index()
            : await publisher.v3(name);
    if (document === undefined) return false;
    send(exchange, document, version === 'v3' && exchange.query.has('hash'));
    return true;
  }

  #load(): Promise<OpenApiPublisher> {
    const resources = this.#definitions();
    if (resources !== this.#publishedOf) this.#publisher = undefined;
    this.#publishedOf = resources;
    this.#publisher ??= import('../../api/openapi/publisher.js').then(
      (module) =>
        new module.OpenApiPublisher({
          schema: this.#schema,
          resources,
          version: gitVersion,
        }),
    );
    return this.#publisher;
  }
}

/** A URL with the document's hash never changes its content. */
function send(exchange: Exchange, { body, contentType, etag }: PublishedDocument, immutable: boolean): void {
  const headers = {
    etag,
    vary: 'Accept',
    'cache-control': immutable ? 'public, immutable' : 'no-cache',
  };
  if (exchange.headers['if-none-match'] === etag) exchange.respond(304, headers);
  else exchange.respond(200, { ...headers, 'content-type': contentType }, body);
}
