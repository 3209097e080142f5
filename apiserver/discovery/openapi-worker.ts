/** A thread of its own that builds OpenAPI documents: see openapi-thread.ts, which starts it. */
import { parentPort } from 'node:worker_threads';
import { buildDocument } from '../../api/openapi/build-document.js';
import type { DocumentName, PublishedDocument } from '../../api/openapi/build-document.js';
import type { PartOfDocument } from '../../api/openapi/documents.js';
import type { SchemaObject } from '../../api/openapi/schema-objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { loadSchema } from '../../api/schema/load.js';

/** The description of the API is read by the thread itself; the rest is data. */
export interface OpenApiQuestion {
  readonly resources: readonly ResourceDefinition[];
  /** In the flavor of the names, which are all of one. */
  readonly custom: ReadonlyMap<string, SchemaObject>;
  readonly version: string;
  readonly remote: readonly PartOfDocument[];
  readonly names: readonly DocumentName[];
}

export type OpenApiAnswer = readonly PublishedDocument[];

parentPort?.on('message', ({ resources, custom, version, remote, names }: OpenApiQuestion) => {
  const source = {
    schema: loadSchema(),
    resources,
    version,
    remote,
    custom: new Map([...custom].map(([name, schema]) => [name, () => schema] as const)),
  };
  parentPort?.postMessage(names.map((name) => buildDocument(source, name)) satisfies OpenApiAnswer);
});
