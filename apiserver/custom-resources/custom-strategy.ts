/** The rules of a custom resource: those of its schema. */
import type { CustomResourceDefinitionVersion } from '../../api/generated/apiextensions-v1.js';
import { checkEmbeddedResources } from '../../api/custom-resources/embedded-resources.js';
import { firstOf } from '../../api/custom-resources/printer-columns.js';
import type { SchemaRules } from '../../api/custom-resources/rules.js';
import type { SchemaNode } from '../../api/custom-resources/schema-node.js';
import { checkUniqueItems } from '../../api/custom-resources/unique-items.js';
import { validateBySchema } from '../../api/custom-resources/validate.js';
import { Violations } from '../../api/field-path.js';
import { parseJsonPath } from '../../api/json-path.js';
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { requireVersion } from '../resources/object-meta.js';
import type { Strategy } from '../resources/strategy.js';

export interface CustomStrategyOptions {
  readonly definition: ResourceDefinition;
  readonly version: CustomResourceDefinitionVersion;
  readonly node: SchemaNode;
  /** Undefined for a schema without rules. */
  readonly rules: () => SchemaRules | undefined;
}

type WithStatus = KubernetesObject & { status?: unknown };

export function customStrategy(options: CustomStrategyOptions): Strategy {
  const { definition, version } = options;
  const hasStatus = definition.subresources.includes('status');
  const validateChange = (
    object: KubernetesObject,
    before: KubernetesObject,
    violations: Violations,
  ): void => {
    validateObject(options, object, before, violations);
  };
  return {
    definition,
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
      validateObject(options, object, undefined, violations);
    },
    validateUpdate(object, before, violations) {
      requireVersion(object, violations);
      validateChange(object, before, violations);
    },
    validateStatusUpdate: validateChange,
  };
}

function validateObject(
  { node, rules }: Pick<CustomStrategyOptions, 'node' | 'rules'>,
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
  const schemaRules = rules();
  if (schemaRules === undefined) return;
  if (violations.causes.some(({ reason }) => reason !== undefined && blocking.has(reason)))
    violations.invalid(
      '<nil>',
      null,
      'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
    );
  else schemaRules.validate(content, contentBefore, violations);
}

/** What makes it pointless to evaluate rules: they take such things for granted. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
]);

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
