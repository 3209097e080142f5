/**
 * The stored form of objects: JSON that always begins `{"kind":…,"apiVersion":…,"metadata":{`, without a
 * resourceVersion.
 *
 * The resourceVersion of an object is the revision of the write that stored it, so it cannot be part of what is
 * written. Because the head of the JSON is fixed per kind, serving an object is a splice of bytes and not a parse:
 * GET, LIST and WATCH share the bytes that the write made.
 */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { omit } from '../omit.js';
import { StatusError } from '../../api/status-error.js';
import type { VersionConversion } from './version-conversion.js';

/** `apps/v1`, or `v1` for the core group. */
export function apiVersionOf(definition: Pick<ResourceDefinition, 'group' | 'version'>): string {
  return definition.group === '' ? definition.version : `${definition.group}/${definition.version}`;
}

export class ObjectCodec<T extends KubernetesObject = KubernetesObject> {
  readonly #definition: ResourceDefinition<T>;
  readonly #conversion: VersionConversion<T> | undefined;
  readonly #head: Buffer;

  constructor(definition: ResourceDefinition<T>, conversion?: VersionConversion<T>) {
    this.#definition = definition;
    this.#conversion = conversion;
    const { kind } = definition;
    this.#head = Buffer.from(
      `{"kind":${JSON.stringify(kind)},"apiVersion":${JSON.stringify(apiVersionOf(definition))},"metadata":{`,
    );
  }

  /** What is to be stored. */
  encode(object: T): Buffer {
    const conversion = this.#conversion;
    return conversion === undefined
      ? toJson(this.#definition, object)
      : toJson(conversion.storedAs, conversion.toStored(object));
  }

  /** The object of its own that a caller may change. Throws InternalError for bytes that are no object. */
  decode(value: Uint8Array, revision: number): T {
    const object = this.#parse(value);
    object.metadata.resourceVersion = String(revision);
    return object;
  }

  /** The pieces that make up the served JSON; to be written one after the other. */
  servedParts(value: Uint8Array, revision: number): readonly Uint8Array[] {
    const length = this.#head.length;
    const own = this.#hasHead(value) ? value : toJson(this.#definition, this.#parse(value));
    return [own.subarray(0, length), Buffer.from(`"resourceVersion":"${revision}",`), own.subarray(length)];
  }

  served(value: Uint8Array, revision: number): Buffer {
    return Buffer.concat(this.servedParts(value, revision));
  }

  /** False for a value in another version, or that somebody else has written, with another order of keys. */
  #hasHead(value: Uint8Array): boolean {
    if (this.#conversion?.convertsAlways === true) return false;
    const length = this.#head.length;
    return value.length > length && this.#head.equals(value.subarray(0, length));
  }

  #parse(value: Uint8Array): T {
    const object = parseStored(value, this.#definition.kind);
    return this.#conversion === undefined ? (object as T) : this.#conversion.fromStored(object);
  }
}

/** Throws InternalError for bytes that are no object. */
export function parseStored(value: Uint8Array, kind: string): KubernetesObject {
  try {
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString();
    const object = JSON.parse(text) as KubernetesObject;
    if (typeof object.metadata !== 'object') throw new SyntaxError('no metadata');
    return object;
  } catch (cause) {
    throw new StatusError(
      'InternalError',
      `a stored ${kind} cannot be read: it is not a JSON object of this API`,
      { cause },
    );
  }
}

/** The stored form of an object, in the version of the definition. */
export function toJson(definition: ResourceDefinition, object: KubernetesObject): Buffer {
  return Buffer.from(
    JSON.stringify({
      kind: definition.kind,
      apiVersion: apiVersionOf(definition),
      metadata: omit(object.metadata, 'resourceVersion'),
      ...omit(object, 'kind', 'apiVersion', 'metadata'),
    }),
  );
}
