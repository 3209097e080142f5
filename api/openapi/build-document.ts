/** Builds one published document by its name: pure, and up to half a second of work. */
import { createHash } from 'node:crypto';
import { buildDocumentV2, buildDocumentV3 } from './documents.js';
import type { DocumentSource, DocumentV2 } from './documents.js';
import { encodeGnosticDocument, hasGnosticForm } from './gnostic-encoding.js';
import { mergeDocuments } from './merge-documents.js';

/** A document ready to send. `etag` is quoted and strong. */
export interface PublishedDocument {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly etag: string;
}

/** `v3 ROOT` is the document of a group version: `v3 apis/apps/v1`. */
export type DocumentName = 'v2 json' | 'v2 protobuf' | `v3 ${string}`;

export const gnosticType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

export function buildDocument(source: DocumentSource, name: DocumentName): PublishedDocument {
  switch (name) {
    case 'v2 json':
      return publishedJson(withRemote(source, source.remote));
    case 'v2 protobuf':
      return published(
        gnosticType,
        encodeGnosticDocument(withRemote(source, source.remote?.filter(hasGnosticForm))),
      );
    default:
      return publishedJson(buildDocumentV3(source, name.slice('v3 '.length)));
  }
}

function withRemote(source: DocumentSource, remote: DocumentSource['remote'] = []): DocumentV2 {
  return mergeDocuments(buildDocumentV2(source), remote);
}

export function publishedJson(value: unknown): PublishedDocument {
  return published('application/json', Buffer.from(JSON.stringify(value)));
}

function published(contentType: string, body: Uint8Array): PublishedDocument {
  const hash = createHash('sha256').update(body).digest('hex').slice(0, 32).toUpperCase();
  return { contentType, body, etag: `"${hash}"` };
}
