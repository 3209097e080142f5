/** Hints about what in a schema has no effect. */
import type { CustomResourceDefinition, JSONSchemaProps } from '../../../api/generated/apiextensions-v1.js';
import { isKnownFormat } from '../../../api/custom-resources/formats.js';
import { schemasWithin } from '../../../api/custom-resources/schema-node.js';

export function definitionWarnings({ spec }: CustomResourceDefinition): readonly string[] {
  const warnings = new Set<string>();
  for (const { schema } of spec.versions) {
    if (schema?.openAPIV3Schema === undefined) continue;
    for (const one of schemasWithin(schema.openAPIV3Schema)) addWarnings(one, warnings);
  }
  return [...warnings].sort();
}

function addWarnings(schema: JSONSchemaProps, warnings: Set<string>): void {
  const { format = '', items } = schema;
  if (format !== '' && !isKnownFormat(format)) warnings.add(`unrecognized format ${JSON.stringify(format)}`);
  const itemType = (items as JSONSchemaProps | undefined)?.type;
  if (schema['x-kubernetes-list-type'] === 'set' && (itemType === 'object' || itemType === 'array'))
    warnings.add(
      `x-kubernetes-list-type: set for items of type ${JSON.stringify(itemType)} is not supported by server-side apply or CEL validation rules`,
    );
}
