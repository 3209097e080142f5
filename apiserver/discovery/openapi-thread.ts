/** Builds OpenAPI documents beside the event loop: the first one takes up to half a second and tens of megabytes. */
import type { BuildDocuments } from '../../api/openapi/publisher.js';
import { StatusError } from '../../api/status-error.js';
import { IdleThread, ThreadError } from '../../common/idle-thread.js';
import type { OpenApiAnswer, OpenApiQuestion } from './openapi-worker.js';

const thread = new IdleThread<OpenApiQuestion, OpenApiAnswer>({
  module: new URL('./openapi-worker.js', import.meta.url),
  maxWaiting: 64,
  maxAnswerMs: 60_000,
  maxHeapMegabytes: 512,
});

/** Rejects with ServiceUnavailable when that cannot be done now. */
export const buildInThread: BuildDocuments = async ({ resources, custom, version, remote = [] }, names) => {
  const flavor = names.some((name) => name.startsWith('v2')) ? 'v2' : 'v3';
  const schemas = new Map([...custom].map(([name, schemaIn]) => [name, schemaIn(flavor)] as const));
  try {
    return await thread.ask({
      resources,
      custom: schemas,
      version,
      remote: flavor === 'v2' ? remote : [],
      names,
    });
  } catch (cause) {
    if (!(cause instanceof ThreadError)) throw cause;
    throw new StatusError('ServiceUnavailable', `the OpenAPI document cannot be built: ${cause.message}`, {
      details: { retryAfterSeconds: 1 },
      cause,
    });
  }
};
