/** The OpenAPI documents of one server behind this one: asked for again and again, sent again only when they have changed. */
import { createHash } from 'node:crypto';
import type { PartOfDocument } from '../../api/openapi/documents.js';
import { partOfDocument } from '../../api/openapi/merge-documents.js';
import type { PublishedDocument } from '../../api/openapi/publisher.js';
import { isJsonObject } from '../../api/patch/merge-patch.js';

export interface ServerAnswer {
  readonly status: number;
  readonly etag: string | undefined;
  readonly body: Buffer;
}

/** A GET at the server. */
export type GetFromServer = (
  path: string,
  headers: Readonly<Record<string, string>>,
) => Promise<ServerAnswer>;

interface Cached<T> {
  readonly etag: string | undefined;
  readonly value: T;
}

const notModified = 304;
const ok = 200;

export class ServerOpenApi {
  /** `apis/<group>/<version>` */
  readonly root: string;
  #v2: Cached<PartOfDocument> | undefined;
  /** The hash of the v3 document, as the server's index says. */
  #v3: Cached<string> | undefined;
  #document: { readonly hash: string; readonly document: PublishedDocument } | undefined;

  constructor(root: string) {
    this.root = root;
  }

  get v2(): PartOfDocument | undefined {
    return this.#v2?.value;
  }

  /** Undefined where the server does not publish OpenAPI 3. */
  get v3Hash(): string | undefined {
    return this.#v3?.value;
  }

  /** Asks whether the documents are what they were. A server need not have either. Rejects as `get` does. */
  async refresh(get: GetFromServer): Promise<void> {
    this.#v2 = await refreshed(get, '/openapi/v2', this.#v2, (body) =>
      partOfDocument(JSON.parse(body.toString()), `/${this.root}`),
    );
    this.#v3 = await refreshed(get, '/openapi/v3', this.#v3, (body) => hashInIndex(body, this.root));
  }

  /** The v3 document, fetched when somebody wants it. Undefined where there is none. */
  async v3(get: GetFromServer): Promise<PublishedDocument | undefined> {
    const hash = this.v3Hash;
    if (hash === undefined) return undefined;
    if (this.#document?.hash === hash) return this.#document.document;
    const { status, body } = await get(`/openapi/v3/${this.root}?hash=${hash}`, {
      accept: 'application/json',
    });
    if (status !== ok) return undefined;
    const document = { contentType: 'application/json', body, etag: `"${hash}"` };
    this.#document = { hash, document };
    return document;
  }
}

async function refreshed<T>(
  get: GetFromServer,
  path: string,
  known: Cached<T> | undefined,
  read: (body: Buffer) => T | undefined,
): Promise<Cached<T> | undefined> {
  const asks = known?.etag === undefined ? {} : { 'if-none-match': known.etag };
  const { status, etag, body } = await get(path, { accept: 'application/json', ...asks });
  if (status === notModified) return known;
  if (status !== ok) return undefined;
  const value = read(body);
  return value === undefined ? undefined : { etag, value };
}

/** Throws a SyntaxError for what is no index. */
function hashInIndex(body: Buffer, root: string): string | undefined {
  const index = JSON.parse(body.toString()) as unknown;
  const paths = isJsonObject(index) ? index['paths'] : undefined;
  if (!isJsonObject(paths)) throw new SyntaxError('the answer is no index of OpenAPI 3 documents');
  const entry = paths[root];
  const url = isJsonObject(entry) ? entry['serverRelativeURL'] : undefined;
  if (typeof url !== 'string') return undefined;
  const hash = new URL(url, 'https://server').searchParams.get('hash');
  // Without a hash of its own, the address is all that can change.
  return hash ?? createHash('sha256').update(url).digest('hex').slice(0, 32).toUpperCase();
}
