/** The OpenAPI documents that the apiserver publishes, built when first asked for and then kept. */
import type { ResourceDefinition } from '../resources.js';
import type { Schema } from '../schema/model.js';

export interface OpenApiOptions {
  readonly schema: Schema;
  readonly resources: readonly ResourceDefinition[];
  /** The server's version, `v1.35.0`. */
  readonly version: string;
}

/** Body of `/openapi/v3`: which documents there are. */
export interface OpenApiV3Index {
  readonly paths: Readonly<Record<string, { readonly serverRelativeURL: string }>>;
}

/** A document ready to send. `etag` is quoted and strong. */
export interface PublishedDocument {
  readonly contentType: string;
  readonly body: Uint8Array;
  readonly etag: string;
}

export class OpenApiPublisher {
  constructor(_options: OpenApiOptions) {
    // under construction
  }

  /** Body of `/openapi/v3`. */
  v3Index(): PublishedDocument {
    throw new Error('under construction');
  }

  /** `path` as in the index: `api/v1`, `apis/apps/v1`. Undefined when there is no such document. */
  v3(_path: string): PublishedDocument | undefined {
    throw new Error('under construction');
  }

  /** `/openapi/v2` as JSON, or as gnostic protobuf where the Accept header asks for it. */
  v2(_accept: string | undefined): PublishedDocument {
    throw new Error('under construction');
  }
}
