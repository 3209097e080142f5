/** Answers /openapi/v2 and /openapi/v3. The documents are built when the first client asks. */
import type { OpenApiPublisher, PublishedDocument } from '../../api/openapi/publisher.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Schema } from '../../api/schema/model.js';
import type { Aggregator, RemoteOpenApi } from '../aggregation/aggregator.js';
import type { ResourceTable } from '../handlers/context.js';
import { sendBytes } from '../http/compression.js';
import type { Exchange } from '../http/exchange.js';
import { gitVersion } from '../../common/version.js';

export class OpenApiHandler {
  readonly #schema: Schema;
  readonly #resources: ResourceTable;
  #publisher: Promise<OpenApiPublisher> | undefined;
  readonly #aggregator: Aggregator;
  /** What the publisher publishes. */
  #published: readonly ResourceDefinition[] = [];
  #publishedRemote: RemoteOpenApi | undefined;

  constructor(schema: Schema, resources: ResourceTable, aggregator: Aggregator) {
    this.#schema = schema;
    this.#resources = resources;
    this.#aggregator = aggregator;
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
            : ((await publisher.v3(name)) ?? (await this.#aggregator.openApiV3(name, exchange.signal)));
    if (document === undefined) return false;
    await send(exchange, document, version === 'v3' && exchange.query.has('hash'));
    return true;
  }

  #load(): Promise<OpenApiPublisher> {
    const { definitions } = this.#resources;
    const remote = this.#aggregator.openApi;
    const isSame = definitions === this.#published && remote === this.#publishedRemote;
    if (this.#publisher === undefined || !isSame) {
      this.#published = definitions;
      this.#publishedRemote = remote;
      this.#publisher = this.#publish(this.#publisher);
    }
    return this.#publisher;
  }

  async #publish(previous: Promise<OpenApiPublisher> | undefined): Promise<OpenApiPublisher> {
    const { definitions, all } = this.#resources;
    const resources = definitions.filter(({ remote }) => remote !== true);
    const custom = new Map(
      all.flatMap(({ definition, openApi }) =>
        openApi === undefined ? [] : [[definition.schemaName, openApi] as const],
      ),
    );
    const { OpenApiPublisher } = await import('../../api/openapi/publisher.js');
    const { v2: remote, v3: remoteV3 } = this.#aggregator.openApi;
    const options = { schema: this.#schema, resources, custom, version: gitVersion, remote, remoteV3 };
    const { buildInThread } = await import('./openapi-thread.js');
    return new OpenApiPublisher(options, await previous, buildInThread);
  }
}

/** A URL with the document's hash never changes its content. */
async function send(
  exchange: Exchange,
  { body, contentType, etag }: PublishedDocument,
  immutable: boolean,
): Promise<void> {
  const headers = {
    etag,
    vary: 'Accept',
    'cache-control': immutable ? 'public, immutable' : 'no-cache',
  };
  if (exchange.headers['if-none-match'] === etag) exchange.respond(304, headers);
  else await sendBytes(exchange, 200, { ...headers, 'content-type': contentType }, Buffer.from(body));
}
