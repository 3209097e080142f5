/** One version of a CustomResourceDefinition: its schema, subresources, columns and selectable fields. */
import type {
  CustomResourceColumnDefinition,
  CustomResourceDefinitionVersion,
  CustomResourceSubresources,
  JSONSchemaProps,
  SelectableField,
} from '../../../api/generated/apiextensions-v1.js';
import { checkRuleCosts } from '../../../api/custom-resources/check-costs.js';
import { checkDefaults } from '../../../api/custom-resources/check-defaults.js';
import { checkKeywords } from '../../../api/custom-resources/check-keywords.js';
import { checkStructural } from '../../../api/custom-resources/check-structural.js';
import { checkSchemaRules } from '../../../api/custom-resources/check-rules.js';
import { compileSchema } from '../../../api/custom-resources/schema-node.js';
import { findField } from '../../../api/custom-resources/schema-path.js';
import { Violations } from '../../../api/field-path.js';
import { parseJsonPath } from '../../../api/json-path.js';
import { validateDns1035Label } from '../../../api/names.js';
import { checkRequired } from '../checks.js';

export function validateVersion(
  version: CustomResourceDefinitionVersion,
  path: string,
  violations: Violations,
): void {
  const { name, schema, subresources } = version;
  const root = schema?.openAPIV3Schema;
  if (root === undefined) violations.required(`${path}.schema.openAPIV3Schema`);
  const problems = validateDns1035Label(name);
  if (problems.length > 0) violations.invalid(`${path}.name`, name, problems.join(','));
  validateDeprecation(version, `${path}.deprecationWarning`, violations);
  if (root !== undefined)
    validateSchema(root, `${path}.schema`, { hasStatus: subresources?.status !== undefined }, violations);
  if (subresources !== undefined) validateSubresources(subresources, `${path}.subresources`, violations);
  for (const [index, column] of (version.additionalPrinterColumns ?? []).entries())
    validateColumn(column, `${path}.additionalPrinterColumns[${index}]`, violations);
  validateSelectableFields(version.selectableFields ?? [], root, `${path}.selectableFields`, violations);
}

const maxDeprecationWarningLength = 256;

function validateDeprecation(
  { deprecated, deprecationWarning }: CustomResourceDefinitionVersion,
  path: string,
  violations: Violations,
): void {
  if (deprecationWarning === undefined) return;
  const problem =
    deprecated !== true
      ? 'can only be set for deprecated versions'
      : deprecationWarning.length > maxDeprecationWarningLength
        ? `must be <= ${maxDeprecationWarningLength} characters long`
        : deprecationWarning.length === 0
          ? 'must not be an empty string'
          : undefined;
  if (problem !== undefined) violations.invalid(path, deprecationWarning, problem);
}

/** Keywords at the root that also hold for a status on its own. */
const allowedAtRoot: ReadonlySet<string> = new Set([
  'description',
  'type',
  'format',
  'title',
  'maximum',
  'exclusiveMaximum',
  'minimum',
  'exclusiveMinimum',
  'maxLength',
  'minLength',
  'pattern',
  'maxItems',
  'minItems',
  'uniqueItems',
  'multipleOf',
  'required',
  'items',
  'properties',
  'externalDocs',
  'example',
  'x-kubernetes-preserve-unknown-fields',
  'x-kubernetes-validations',
]);

const allowedAtRootInGo =
  '[Description Type Format Title Maximum ExclusiveMaximum Minimum ExclusiveMinimum MaxLength MinLength Pattern MaxItems MinItems UniqueItems MultipleOf Required Items Properties ExternalDocs Example XPreserveUnknownFields XValidations]';

function validateSchema(
  root: JSONSchemaProps,
  path: string,
  { hasStatus }: { readonly hasStatus: boolean },
  violations: Violations,
): void {
  const at = `${path}.openAPIV3Schema`;
  if (hasStatus) {
    if (root.type !== undefined && root.type !== 'object')
      violations.invalid(
        `${at}.type`,
        root.type,
        'only "object" is allowed as the type at the root of the schema if the status subresource is enabled',
      );
    if (Object.keys(root).some((keyword) => !allowedAtRoot.has(keyword)))
      violations.invalid(
        at,
        root,
        `only ${allowedAtRootInGo} fields are allowed at the root of the schema if the status subresource is enabled`,
      );
  }
  if (root.nullable === true) violations.forbidden(`${at}.nullable`, 'nullable cannot be true at the root');
  const found = new Violations();
  checkStructural(root, at, found);
  checkKeywords(root, at, found);
  // Only a schema that holds together can be asked whether its defaults and rules are valid.
  if (!found.any) {
    const node = compileSchema(root);
    checkDefaults(node, at, found);
    checkSchemaRules(node, at, found);
  }
  violations.addAll(found.causes);
}

/** What its rules may cost at most. For a version that is valid otherwise: nothing is said of one whose schema is not. */
export function validateRuleCosts(
  { schema }: CustomResourceDefinitionVersion,
  path: string,
  violations: Violations,
): void {
  const root = schema?.openAPIV3Schema;
  if (root === undefined) return;
  const at = `${path}.schema.openAPIV3Schema`;
  const found = new Violations();
  checkStructural(root, at, found);
  checkKeywords(root, at, found);
  if (!found.any) checkRuleCosts(compileSchema(root), at, violations);
}

function validateSubresources(
  { scale }: CustomResourceSubresources,
  path: string,
  violations: Violations,
): void {
  if (scale === undefined) return;
  const check = (field: keyof typeof scale, prefixes: readonly string[], where: string): void => {
    const at = `${path}.scale.${field}`;
    const text = scale[field] ?? '';
    if (!checkSimplePath(text, at, violations)) return;
    if (!prefixes.some((prefix) => text.startsWith(prefix)))
      violations.invalid(at, text, `should be a json path under ${where}`);
  };
  for (const field of ['specReplicasPath', 'statusReplicasPath'] as const)
    checkRequired(scale[field], `${path}.scale.${field}`, violations);
  if (scale.specReplicasPath !== '') check('specReplicasPath', ['.spec.'], '.spec');
  if (scale.statusReplicasPath !== '') check('statusReplicasPath', ['.status.'], '.status');
  if ((scale.labelSelectorPath ?? '') !== '')
    check('labelSelectorPath', ['.spec.', '.status.'], 'either .spec or .status');
}

function checkSimplePath(text: string, path: string, violations: Violations): boolean {
  if (!text.startsWith('.')) {
    violations.invalid(path, text, 'must be a simple json path starting with .');
    return false;
  }
  try {
    parseJsonPath(text);
    return true;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    violations.invalid(path, text, `is an invalid path: ${error.message}`);
    return false;
  }
}

const columnTypes = ['boolean', 'date', 'integer', 'number', 'string'];
const columnFormats = ['byte', 'date', 'date-time', 'double', 'float', 'int32', 'int64', 'password'];

function validateColumn(
  { name, type, format = '', jsonPath }: CustomResourceColumnDefinition,
  path: string,
  violations: Violations,
): void {
  checkRequired(name, `${path}.name`, violations);
  const types = `must be one of ${columnTypes.join(',')}`;
  if (checkRequired(type, `${path}.type`, violations, types) && !columnTypes.includes(type))
    violations.invalid(`${path}.type`, type, types);
  if (format !== '' && !columnFormats.includes(format))
    violations.invalid(`${path}.format`, format, `must be one of ${columnFormats.join(',')}`);
  if (checkRequired(jsonPath, `${path}.JSONPath`, violations))
    checkSimplePath(jsonPath, `${path}.JSONPath`, violations);
}

const maxSelectableFields = 8;

function validateSelectableFields(
  fields: readonly SelectableField[],
  root: JSONSchemaProps | undefined,
  path: string,
  violations: Violations,
): void {
  if (fields.length === 0 || root === undefined) return;
  const seen = new Set<string>();
  for (const [index, { jsonPath }] of fields.entries()) {
    const at = `${path}[${index}].jsonPath`;
    if (!checkRequired(jsonPath, at, violations)) continue;
    const found = findField(root, jsonPath);
    if (found.kind === 'absent') {
      violations.invalid(at, jsonPath, `is an invalid path: ${found.why}`);
      continue;
    }
    if (/^\.metadata(\.|$)/.test(jsonPath))
      violations.invalid(at, jsonPath, 'must not point to fields in metadata');
    if (!['string', 'boolean', 'integer'].includes(found.schema.type ?? ''))
      violations.invalid(
        at,
        jsonPath,
        'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.',
      );
    if (seen.has(jsonPath)) violations.duplicate(at, jsonPath);
    seen.add(jsonPath);
  }
  if (seen.size > maxSelectableFields) violations.tooMany(path, seen.size, maxSelectableFields);
}
