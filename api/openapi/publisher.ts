/**
 * The OpenAPI documents that the apiserver publishes. Each is built, with the code that builds it, when it is first asked
 * for, and then kept: a server that nobody asks pays nothing.
 */
import { createHash } from 'node:crypto';
import type { DocumentSource } from './documents.js';
import { rootOf } from './operations.js';

export type OpenApiOptions = DocumentSource;

/** A document ready to send. `etag` is quoted and strong. */
export interface PublishedDocument {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly etag: string;
}

/** How clients before v1.27 ask for it; `@` is not allowed in media types, so it is never the answer's type. */
const gnosticTypeAsAsked = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
const gnosticType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** All methods may be called concurrently. */
export class OpenApiPublisher {
  readonly #options: OpenApiOptions;
  readonly #documents = new Map<string, Promise<PublishedDocument>>();

  /** Documents of groups that are what they were are taken from `previous`, the publisher of what was served before. */
  constructor(options: OpenApiOptions, previous?: OpenApiPublisher) {
    this.#options = options;
    if (previous !== undefined) this.#takeOver(previous);
  }

  #takeOver(previous: OpenApiPublisher): void {
    const before = resourcesByRoot(previous.#options);
    for (const [root, resources] of resourcesByRoot(this.#options)) {
      const document = previous.#documents.get(`v3 ${root}`);
      const isSame =
        before.get(root)?.length === resources.length &&
        before.get(root)?.every((one, index) => one === resources[index]) === true;
      if (document !== undefined && isSame) this.#documents.set(`v3 ${root}`, document);
    }
  }

  /** Body of `/openapi/v3`: where the documents of the groups are, each under a hash of its contents. */
  async v3Index(): Promise<PublishedDocument> {
    return await this.#once('v3', async () => {
      const { rootsOf } = await import('./documents.js');
      const paths: Record<string, { serverRelativeURL: string }> = {};
      for (const root of rootsOf(this.#options)) {
        const { etag } = await this.#documentV3(root);
        paths[root] = { serverRelativeURL: `/openapi/v3/${root}?hash=${etag.slice(1, -1)}` };
      }
      return json({ paths });
    });
  }

  /** A document of the index, by its name there: `api/v1`, `apis/apps/v1`. Undefined when there is none. */
  async v3(root: string): Promise<PublishedDocument | undefined> {
    const { rootsOf } = await import('./documents.js');
    return rootsOf(this.#options).includes(root) ? await this.#documentV3(root) : undefined;
  }

  /** `/openapi/v2` as JSON, or as gnostic protobuf where the Accept header asks for it first. */
  async v2(accept: string | undefined): Promise<PublishedDocument> {
    const wanted = accept?.split(',', 1)[0]?.split(';', 1)[0]?.trim() ?? '';
    if (wanted !== gnosticType && wanted !== gnosticTypeAsAsked) {
      return await this.#once('v2 json', async () => {
        const { buildDocumentV2 } = await import('./documents.js');
        return json(buildDocumentV2(this.#options));
      });
    }
    return await this.#once('v2 protobuf', async () => {
      const { buildDocumentV2 } = await import('./documents.js');
      const { encodeGnosticDocument } = await import('./gnostic-encoding.js');
      return published(gnosticType, encodeGnosticDocument(buildDocumentV2(this.#options)));
    });
  }

  async #documentV3(root: string): Promise<PublishedDocument> {
    return await this.#once(`v3 ${root}`, async () => {
      const { buildDocumentV3 } = await import('./documents.js');
      return json(buildDocumentV3(this.#options, root));
    });
  }

  async #once(name: string, build: () => Promise<PublishedDocument>): Promise<PublishedDocument> {
    let document = this.#documents.get(name);
    if (document === undefined) {
      document = build();
      this.#documents.set(name, document);
    }
    return await document;
  }
}

function resourcesByRoot({ resources }: OpenApiOptions): ReadonlyMap<string, OpenApiOptions['resources']> {
  const roots = new Map<string, OpenApiOptions['resources'][number][]>();
  for (const resource of resources) {
    const root = rootOf(resource);
    const known = roots.get(root);
    if (known === undefined) roots.set(root, [resource]);
    else known.push(resource);
  }
  return roots;
}

function json(value: unknown): PublishedDocument {
  return published('application/json', Buffer.from(JSON.stringify(value)));
}

function published(contentType: string, body: Uint8Array): PublishedDocument {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase();
  return { contentType, body, etag: `"${hash}"` };
}
