/** Whole resources inside of custom resources: their metadata is that of every other. */
import type { Violations } from '../field-path.js';
import type { KubernetesObject } from '../objects.js';
import { isJsonObject } from '../patch/merge-patch.js';
import { validateDns1123Subdomain } from '../names.js';
import type { Decoded } from '../schema/decode.js';
import { childOf } from './schema-node.js';
import type { SchemaNode } from './schema-node.js';

interface EmbeddedResource {
  readonly object: Record<string, unknown>;
  readonly path: string;
}

/**
 * Replaces the metadata of all embedded resources by what `decode` makes of it. Returns the paths of the unknown fields
 * in there.
 */
export function readEmbeddedMetadata(
  value: unknown,
  node: SchemaNode,
  decode: (metadata: unknown) => Decoded<KubernetesObject>,
): readonly string[] {
  const unknownFields: string[] = [];
  for (const { object, path } of embeddedResources(value, node, '')) {
    if (object['metadata'] === undefined) continue;
    const decoded = decode(object['metadata']);
    object['metadata'] = decoded.object.metadata;
    unknownFields.push(...decoded.unknownFields.map((field) => `${path}.${field}`));
  }
  return unknownFields;
}

/** An embedded resource says what it is. */
export function checkEmbeddedResources(value: unknown, node: SchemaNode, violations: Violations): void {
  for (const { object, path } of embeddedResources(value, node, '')) {
    for (const name of ['apiVersion', 'kind'])
      if (typeof object[name] !== 'string' || object[name] === '')
        violations.required(`${path}.${name}`, 'must not be empty');
    const metadata = object['metadata'];
    const name = isJsonObject(metadata) ? metadata['name'] : undefined;
    if (typeof name === 'string' && name !== '')
      violations.invalidEach(`${path}.metadata.name`, name, validateDns1123Subdomain(name));
  }
}

function* embeddedResources(value: unknown, node: SchemaNode, path: string): Generator<EmbeddedResource> {
  if (Array.isArray(value)) {
    if (node.items === undefined) return;
    for (const [index, item] of value.entries())
      yield* embeddedResources(item, node.items, `${path}[${String(index)}]`);
    return;
  }
  if (!isJsonObject(value)) return;
  if (node.embeddedResource) yield { object: value, path };
  for (const key of Object.keys(value)) {
    const child = childOf(node, key);
    if (child !== undefined)
      yield* embeddedResources(value[key], child, path === '' ? key : `${path}.${key}`);
  }
}
