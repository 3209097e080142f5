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

  served(value: Uint8Array, revision: number): Buffer {
    return this.joinServed([value], [revision]);
  }

  /**
   * The served JSON of values one after the other, each with its revision, and each between `before` and `after`: in one
   * buffer, of which hardly a byte is written twice. It is most of what a list costs.
   */
  joinServed(
    values: readonly Uint8Array[],
    revisions: readonly number[],
    { before = nothing, after = nothing }: { readonly before?: Buffer; readonly after?: Buffer } = {},
  ): Buffer {
    const own = values.map((value) =>
      this.#hasHead(value) ? value : toJson(this.#definition, this.#parse(value)),
    );
    const versions = revisions.map((revision) => `"resourceVersion":"${revision}",`);
    let length = own.length * (before.length + after.length);
    for (const [index, value] of own.entries()) length += value.length + (versions[index]?.length ?? 0);
    const joined = Buffer.allocUnsafe(length);
    let at = 0;
    for (const [index, value] of own.entries()) {
      const version = versions[index] ?? '';
      joined.set(before, at);
      at += before.length;
      // The value lies so that what follows its head is in place; then the head is written again, before the version.
      // To copy the parts of the value, a view of each would have to be made, which costs more than the copy.
      joined.set(value, at + version.length);
      joined.set(this.#head, at);
      joined.write(version, at + this.#head.length, 'latin1');
      at += value.length + version.length;
      joined.set(after, at);
      at += after.length;
    }
    return joined;
  }

  /** False for a value in another version, or that somebody else has written, with another order of keys. */
  #hasHead(value: Uint8Array): boolean {
    if (this.#conversion?.convertsAlways === true) return false;
    const { length } = this.#head;
    return value.length > length && this.#head.compare(value, 0, length) === 0;
  }

  #parse(value: Uint8Array): T {
    const object = parseStored(value, this.#definition.kind);
    return this.#conversion === undefined ? (object as T) : this.#conversion.fromStored(object);
  }
}

const nothing = Buffer.alloc(0);

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

/**
 * The stored form of an object, in the version of the definition.
 *
 * In memory of its own: history keeps it for minutes, and a part of Node's pool would keep the 8 KiB around it as well.
 */
export function toJson(definition: ResourceDefinition, object: KubernetesObject): Buffer {
  const text = JSON.stringify({
    kind: definition.kind,
    apiVersion: apiVersionOf(definition),
    metadata: omit(object.metadata, 'resourceVersion'),
    ...omit(object, 'kind', 'apiVersion', 'metadata'),
  });
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}
