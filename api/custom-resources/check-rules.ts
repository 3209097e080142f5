/** Checks the rules of a schema when its definition is written: they compile, and look back only where that is possible. */
import type { Violations } from '../field-path.js';
import { keyPath } from '../field-path.js';
import { compileRulesOf, usesOldSelf } from './rules.js';
import type { RuleProblem } from './rules.js';
import type { SchemaNode } from './schema-node.js';

/** For a schema that is structural. */
export function checkSchemaRules(root: SchemaNode, path: string, violations: Violations): void {
  check(root, path, { isRoot: true, uncorrelated: undefined }, violations);
}

interface Context {
  readonly isRoot: boolean;
  /** The first part on the way whose parts are not the same ones after an update. */
  readonly uncorrelated: string | undefined;
}

function check(node: SchemaNode, path: string, context: Context, violations: Violations): void {
  if (node.rules.length > 0) checkRulesOf(node, path, context, violations);
  const inner: Context = { ...context, isRoot: false };
  if (node.items !== undefined) {
    const uncorrelated = context.uncorrelated ?? (node.listType === 'map' ? undefined : path);
    check(node.items, `${path}.items`, { ...inner, uncorrelated }, violations);
  }
  const uncorrelated = context.uncorrelated ?? (node.atomicMap ? path : undefined);
  const { additionalProperties } = node;
  if (additionalProperties !== undefined && additionalProperties !== true)
    check(additionalProperties, `${path}.additionalProperties`, { ...inner, uncorrelated }, violations);
  for (const [name, property] of node.properties)
    check(property, keyPath(`${path}.properties`, name), { ...inner, uncorrelated }, violations);
}

function checkRulesOf(node: SchemaNode, path: string, context: Context, violations: Violations): void {
  const problems: RuleProblem[] = [];
  compileRulesOf(node, context.isRoot || node.embeddedResource, problems);
  for (const { index, field, message } of problems)
    violations.invalid(
      `${path}.x-kubernetes-validations[${String(index)}].${field}`,
      node.rules[index],
      message,
    );
  for (const [index, rule] of node.rules.entries()) {
    const at = `${path}.x-kubernetes-validations[${String(index)}]`;
    if (usesOldSelf(rule)) {
      if (context.uncorrelated !== undefined)
        violations.invalid(
          `${at}.rule`,
          rule.rule,
          `oldSelf cannot be used on the uncorrelatable portion of the schema within ${context.uncorrelated}`,
        );
    } else if (rule.optionalOldSelf === true)
      violations.invalid(`${at}.optionalOldSelf`, true, 'may not be set if oldSelf is not used in rule');
  }
}
