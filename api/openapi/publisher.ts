/**
 * The OpenAPI documents that the apiserver publishes. Each is built, with the code that builds it, when it is first asked
 * for, and then kept: a server that nobody asks pays nothing.
 */
import type { DocumentName, PublishedDocument } from './build-document.js';
import type { DocumentSource } from './documents.js';
import { rootOf } from './operations.js';

export interface OpenApiOptions extends DocumentSource {
  /** Hashes of the OpenAPI 3 documents of servers behind this one, by their names in the index. */
  readonly remoteV3?: ReadonlyMap<string, string>;
}
export type { PublishedDocument };

/** Builds the documents of these names, which are all of one version of OpenAPI, in their order: here, or where it keeps nobody waiting. */
export type BuildDocuments = (
  source: DocumentSource,
  names: readonly DocumentName[],
) => Promise<readonly PublishedDocument[]>;

/** How clients before v1.27 ask for it; `@` is not allowed in media types, so it is never the answer's type. */
const gnosticTypeAsAsked = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';

/** All methods may be called concurrently. */
export class OpenApiPublisher {
  readonly #options: OpenApiOptions;
  readonly #build: BuildDocuments;
  readonly #documents = new Map<DocumentName, Promise<PublishedDocument>>();
  #index: Promise<PublishedDocument> | undefined;

  /** Documents of groups that are what they were are taken from `previous`, the publisher of what was served before. */
  constructor(options: OpenApiOptions, previous?: OpenApiPublisher, build: BuildDocuments = buildHere) {
    this.#options = options;
    this.#build = build;
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
    this.#index ??= this.#buildIndex().catch((error: unknown) => {
      this.#index = undefined;
      throw error;
    });
    return await this.#index;
  }

  async #buildIndex(): Promise<PublishedDocument> {
    const { rootsOf } = await import('./documents.js');
    const { publishedJson } = await import('./build-document.js');
    const roots = rootsOf(this.#options);
    const documents = await this.#all(roots.map((root): DocumentName => `v3 ${root}`));
    const paths: Record<string, { serverRelativeURL: string }> = {};
    for (const [position, root] of roots.entries()) {
      const hash = documents[position]?.etag.slice(1, -1) ?? '';
      paths[root] = { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` };
    }
    for (const [root, hash] of this.#options.remoteV3 ?? [])
      paths[root] ??= { serverRelativeURL: `/openapi/v3/${root}?hash=${hash}` };
    return publishedJson({ paths });
  }

  /** A document of the index, by its name there: `api/v1`, `apis/apps/v1`. Undefined when there is none. */
  async v3(root: string): Promise<PublishedDocument | undefined> {
    const { rootsOf } = await import('./documents.js');
    return rootsOf(this.#options).includes(root) ? await this.#one(`v3 ${root}`) : undefined;
  }

  /** `/openapi/v2` as JSON, or as gnostic protobuf where the Accept header asks for it first. */
  async v2(accept: string | undefined): Promise<PublishedDocument> {
    const { gnosticType } = await import('./build-document.js');
    const wanted = accept?.split(',', 1)[0]?.split(';', 1)[0]?.trim() ?? '';
    return await this.#one(
      wanted === gnosticType || wanted === gnosticTypeAsAsked ? 'v2 protobuf' : 'v2 json',
    );
  }

  async #one(name: DocumentName): Promise<PublishedDocument> {
    const [document] = await this.#all([name]);
    if (document === undefined) throw new Error(`the document ${name} was not built`);
    return document;
  }

  /** Each is built once, and again when that failed. */
  async #all(names: readonly DocumentName[]): Promise<readonly PublishedDocument[]> {
    const missing = names.filter((name) => !this.#documents.has(name));
    const building = missing.length === 0 ? undefined : this.#build(this.#options, missing);
    for (const [position, name] of missing.entries()) {
      const document = (building ?? Promise.resolve([])).then((built) => {
        const found = built[position];
        if (found === undefined) throw new Error(`the document ${name} was not built`);
        return found;
      });
      this.#documents.set(name, document);
      document.catch(() => this.#documents.delete(name));
    }
    return await Promise.all(names.flatMap((name) => this.#documents.get(name) ?? []));
  }
}

async function buildHere(
  source: DocumentSource,
  names: readonly DocumentName[],
): Promise<readonly PublishedDocument[]> {
  const { buildDocument } = await import('./build-document.js');
  return names.map((name) => buildDocument(source, name));
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
