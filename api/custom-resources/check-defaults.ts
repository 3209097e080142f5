/** Checks that the defaults of a schema are values of that schema. */
import { sameJson } from '../apply/json-values.js';
import type { Violations } from '../field-path.js';
import { keyPath, Violations as Collector } from '../field-path.js';
import { checkEmbeddedResources } from './embedded-resources.js';
import { fillDefaults } from './defaults.js';
import { pruneDefault } from './prune.js';
import type { SchemaNode } from './schema-node.js';
import { validateBySchema } from './validate.js';

/** For a schema that is structural. */
export function checkDefaults(node: SchemaNode, path: string, violations: Violations): void {
  if (node.default !== undefined) checkDefault(node, `${path}.default`, violations);
  if (node.items !== undefined) checkDefaults(node.items, `${path}.items`, violations);
  if (node.additionalProperties !== undefined && node.additionalProperties !== true)
    checkDefaults(node.additionalProperties, `${path}.additionalProperties`, violations);
  for (const [name, property] of node.properties)
    checkDefaults(property, keyPath(`${path}.properties`, name), violations);
}

function checkDefault(node: SchemaNode, path: string, violations: Violations): void {
  const value: unknown = structuredClone(node.default);
  if (value === null && !node.nullable) {
    violations.invalid(path, null, 'must not be null');
    return;
  }
  pruneDefault(value, node);
  if (!sameJson(value, node.default)) {
    violations.invalid(path, node.default, 'must be pruned to match the schema: it has unknown fields');
    return;
  }
  fillDefaults(value, node);
  const found = new Collector();
  validateBySchema(value, node, found, undefined, 'default');
  checkEmbeddedResources(value, node, found);
  const parent = path.slice(0, -'.default'.length);
  violations.addAll(
    found.causes.map((cause) => ({
      ...cause,
      field: cause.field?.startsWith('default') === true ? `${parent}.${cause.field}` : path,
    })),
  );
}
