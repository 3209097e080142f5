/** Reads request bodies: bounded; JSON, YAML or protobuf. */
import { protobufType } from '../../api/protobuf/envelope.js';
import { duplicateFieldProblem } from '../../api/schema/decode.js';
import { findDuplicateKeys } from '../../api/schema/duplicate-keys.js';
import { StatusError } from '../../api/status-error.js';
import type { Exchange } from './exchange.js';
import { parseJson } from './parse-json.js';
import type { YamlThread } from './yaml-thread.js';

/** Kubernetes' limit, too: larger objects do not fit into etcd anyway. */
export const maxBodyBytes = 3 * 1024 * 1024;

export interface RequestBody {
  readonly value: unknown;
  /** Problems with keys that stand twice in one object, of which the value shows the last only; a pass over the text. */
  readonly duplicates?: () => readonly string[];
}

/** The media type alone, lower-case, without parameters. */
export function mediaTypeOf(exchange: Exchange): string {
  return (exchange.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
}

/**
 * Reads the whole body. Throws RequestEntityTooLarge beyond {@link maxBodyBytes}; what is left is then read and dropped,
 * so that the answer still reaches the client. Throws Timeout for a body that takes too long, and closes the connection.
 */
export function readBody(
  exchange: Pick<Exchange, 'body' | 'bodyTimeoutMs' | 'closeAfterAnswer'>,
): Promise<Buffer> {
  const { body, bodyTimeoutMs } = exchange;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      exchange.closeAfterAnswer();
      reject(
        new StatusError('Timeout', `the body of the request did not arrive within ${bodyTimeoutMs} ms`, {
          code: 408,
        }),
      );
    }, bodyTimeoutMs);
    const chunks: Buffer[] = [];
    let length = 0;
    let isComplete = false;
    body.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length <= maxBodyBytes) {
        chunks.push(chunk);
        return;
      }
      chunks.length = 0;
      reject(
        new StatusError('RequestEntityTooLarge', `the request is too large: limit is ${maxBodyBytes} bytes`),
      );
    });
    body.on('end', () => {
      clearTimeout(timer);
      isComplete = true;
      resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks));
    });
    const gone = (cause?: Error): void => {
      // Every body is closed in the end.
      if (isComplete) return;
      clearTimeout(timer);
      reject(
        new StatusError('BadRequest', 'the client went away before its request was complete', { cause }),
      );
    };
    // A request that had to wait for its turn may have lost its client before: then nothing comes any more, no 'close' either.
    if (body.destroyed) {
      gone();
      return;
    }
    body.on('error', gone);
    body.on('close', () => {
      gone();
    });
  });
}

const jsonTypes: ReadonlySet<string> = new Set(['', 'application/json']);
const yamlTypes: ReadonlySet<string> = new Set(['application/yaml', 'application/x-yaml', 'text/yaml']);

/** Turns Kubernetes' protobuf form into JSON, by a schema that lives above this folder. */
export type ReadProtobuf = (bytes: Uint8Array) => unknown;

/**
 * Reads an object from the body; protobuf only with a reader for it. Throws UnsupportedMediaType, BadRequest; undefined for
 * an empty body.
 */
export async function readObjectBody(
  exchange: Exchange,
  readProtobuf: ReadProtobuf | undefined,
): Promise<RequestBody | undefined> {
  const type = mediaTypeOf(exchange);
  const asProtobuf = type === protobufType ? readProtobuf : undefined;
  if (!jsonTypes.has(type) && !yamlTypes.has(type) && asProtobuf === undefined) {
    const accepted = ['application/json', 'application/yaml'];
    if (readProtobuf !== undefined) accepted.push(protobufType);
    throw new StatusError(
      'UnsupportedMediaType',
      `the body of the request was in an unknown format - accepted media types include: ${accepted.join(', ')}`,
    );
  }
  const bytes = await readBody(exchange);
  if (bytes.length === 0) return undefined;
  if (asProtobuf !== undefined) return { value: asProtobuf(bytes) };
  return yamlTypes.has(type) ? parseYamlBody(bytes) : parseJsonBody(bytes);
}

/** Parses JSON. Throws BadRequest. */
export function parseJsonBody(bytes: Buffer): RequestBody {
  const { value, text } = parseJson(bytes);
  return { value, duplicates: () => findDuplicateKeys(text).map(duplicateFieldProblem) };
}

/** Longer YAML is read by a thread: it holds the event loop for some milliseconds. */
const longYamlBytes = 16 * 1024;
let yamlThread: Promise<YamlThread> | undefined;

/**
 * Parses YAML (and so JSON). The parser is loaded when the first client sends YAML. Throws BadRequest, and for what takes too
 * long RequestEntityTooLarge or TooManyRequests.
 */
export async function parseYamlBody(bytes: Buffer): Promise<RequestBody> {
  if (bytes.length > longYamlBytes) {
    yamlThread ??= import('./yaml-thread.js').then(({ YamlThread }) => new YamlThread());
    return (await yamlThread).read(bytes);
  }
  const { parseYaml } = await import('./parse-yaml.js');
  return parseYaml(bytes);
}
