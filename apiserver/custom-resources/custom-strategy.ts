/** The rules of a custom resource: those of its schema. */
import type { CustomResourceDefinitionVersion } from '../../api/generated/apiextensions-v1.js';
import { checkEmbeddedResources } from '../../api/custom-resources/embedded-resources.js';
import { firstOf } from '../../api/custom-resources/printer-columns.js';
import type { SchemaNode } from '../../api/custom-resources/schema-node.js';
import { checkUniqueItems } from '../../api/custom-resources/unique-items.js';
import { validateBySchema } from '../../api/custom-resources/validate.js';
import { Violations } from '../../api/field-path.js';
import { parseJsonPath } from '../../api/json-path.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { requireVersion } from '../resources/object-meta.js';
import type { Strategy } from '../resources/strategy.js';
import type { VersionConversion } from '../storage/version-conversion.js';

export interface CustomStrategyOptions {
  readonly definition: ResourceDefinition;
  readonly version: CustomResourceDefinitionVersion;
  readonly node: SchemaNode;
  readonly conversion: VersionConversion;
}

type WithStatus = KubernetesObject & { status?: unknown };

export function customStrategy({ definition, version, node, conversion }: CustomStrategyOptions): Strategy {
  const hasStatus = definition.subresources.includes('status');
  const validateChange = (
    object: KubernetesObject,
    before: KubernetesObject,
    violations: Violations,
  ): void => {
    validateObject(node, object, before, violations);
  };
  return {
    definition,
    conversion,
    tracksGeneration: true,
    selectableFields: selectableFieldsOf(version),
    prepareForCreate(object: WithStatus) {
      if (hasStatus) delete object.status;
    },
    prepareSubresourceUpdate: {
      // A writer of status has no say over metadata, but for what he manages.
      status(object, before) {
        const { managedFields } = object.metadata;
        object.metadata = { ...before.metadata };
        if (managedFields === undefined) delete object.metadata.managedFields;
        else object.metadata.managedFields = managedFields;
      },
    },
    // Both halves need to know whether there was something before.
    validate: () => undefined,
    validateCreate(object, violations) {
      validateObject(node, object, undefined, violations);
    },
    validateUpdate(object, before, violations) {
      requireVersion(object, violations);
      validateChange(object, before, violations);
    },
    validateStatusUpdate: validateChange,
  };
}

function validateObject(
  node: SchemaNode,
  object: KubernetesObject,
  before: KubernetesObject | undefined,
  violations: Violations,
): void {
  const content = contentOf(object);
  const contentBefore = before === undefined ? undefined : contentOf(before);
  validateBySchema(content, node, violations, contentBefore);
  checkEmbeddedResources(content, node, violations);
  if (contentBefore === undefined || isUnique(contentBefore, node))
    checkUniqueItems(content, node, '', violations);
}

/** What the schema judges: of metadata it knows the names at most. */
function contentOf(object: KubernetesObject): Readonly<Record<string, unknown>> {
  const { name, generateName } = object.metadata;
  return { ...object, metadata: { name, ...(generateName === undefined ? {} : { generateName }) } };
}

function isUnique(content: unknown, node: SchemaNode): boolean {
  const violations = new Violations();
  checkUniqueItems(content, node, '', violations);
  return !violations.any;
}

function selectableFieldsOf({
  selectableFields = [],
}: CustomResourceDefinitionVersion): Record<string, (object: KubernetesObject) => string> {
  return Object.fromEntries(
    selectableFields.map(({ jsonPath }) => {
      const path = parseJsonPath(jsonPath);
      return [jsonPath.replace(/^\./, ''), (object) => textOf(firstOf(path, object))];
    }),
  );
}

function textOf(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
