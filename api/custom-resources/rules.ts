/** `x-kubernetes-validations`: rules in CEL, compiled once for a schema and evaluated on each write. */
import { CelCompileError, compileExpression, createEnvironment, Optional } from '../cel/expression.js';
import type { Expression } from '../cel/expression.js';
import { sameJson } from '../apply/json-values.js';
import type { ValidationRule } from '../generated/apiextensions-v1.js';
import type { StatusCause } from '../generated/meta-v1.js';
import type { Violations } from '../field-path.js';
import { isJsonObject } from '../patch/merge-patch.js';
import { fieldBefore, itemBefore } from './correlate.js';
import { outOfBudget, RuleBudget } from './rule-budget.js';
import { childOf } from './schema-node.js';
import type { SchemaNode } from './schema-node.js';
import type { RuleType } from './rule-types.js';
import { declareType } from './rule-types.js';

interface CompiledRule {
  readonly rule: ValidationRule;
  readonly condition: Expression;
  readonly message: Expression | undefined;
  /** Looks at what was there before: evaluated on updates only, unless it says that it can do without. */
  readonly usesOldSelf: boolean;
  readonly optionalOldSelf: boolean;
}

interface RulesOfNode {
  readonly type: RuleType;
  readonly rules: readonly CompiledRule[];
}

/** A mistake in a rule, with its place in the list of rules of its node. */
export interface RuleProblem {
  readonly index: number;
  readonly field: 'rule' | 'messageExpression';
  readonly message: string;
}

/** Of what a message expression says. */
const maxMessageBytes = 5 * 1024;

const oldSelf = /\boldSelf\b/;

export function usesOldSelf({ rule }: ValidationRule): boolean {
  return oldSelf.test(rule);
}

/** Compiles the rules of one node. Mistakes are collected in `problems`. */
export function compileRulesOf(node: SchemaNode, isResource: boolean, problems: RuleProblem[]): RulesOfNode {
  const environment = createEnvironment();
  const type = declareType(environment, node, isResource);
  environment.registerVariable('self', type.name);
  const optional = environment.clone().registerVariable('oldSelf', `optional<${type.name}>`);
  const plain = environment.clone().registerVariable('oldSelf', type.name);
  const rules = node.rules.flatMap((rule, index): CompiledRule[] => {
    const optionalOldSelf = rule.optionalOldSelf === true;
    const within = optionalOldSelf ? optional : plain;
    const compile = (field: RuleProblem['field'], text: string, wanted: string): Expression | undefined => {
      try {
        const expression = compileExpression(within, text);
        if (expression.type === wanted || expression.type === 'dyn') return expression;
        const what = field === 'rule' ? 'cel expression' : field;
        problems.push({ index, field, message: `${what} must evaluate to a ${wanted}` });
      } catch (error) {
        if (!(error instanceof CelCompileError)) throw error;
        problems.push({
          index,
          field,
          message: field === 'rule' ? error.message : `${field} ${error.message}`,
        });
      }
      return undefined;
    };
    const condition = compile('rule', rule.rule, 'bool');
    const text = rule.messageExpression ?? '';
    const message = text.trim() === '' ? undefined : compile('messageExpression', text, 'string');
    if (condition === undefined) return [];
    return [{ rule, condition, message, usesOldSelf: usesOldSelf(rule), optionalOldSelf }];
  });
  return { type, rules };
}

/** All rules of a schema that passed the checks of its definition. May be evaluated concurrently. */
export class SchemaRules {
  readonly #root: SchemaNode;
  readonly #compiled = new Map<SchemaNode, RulesOfNode>();

  constructor(root: SchemaNode) {
    this.#root = root;
  }

  /** `before` is undefined at creation. */
  validate(value: unknown, before: unknown, violations: Violations): void {
    this.#walk(this.#root, { value, before, path: '', budget: new RuleBudget() }, violations);
  }

  #walk(node: SchemaNode, place: Place, violations: Violations): void {
    const { value, before, path, budget } = place;
    if (value === null || value === undefined || budget.isOver) return;
    if (node.rules.length > 0) this.#evaluate(node, place, violations);
    if (Array.isArray(value)) {
      if (node.items === undefined) return;
      for (const [index, item] of value.entries())
        this.#walk(
          node.items,
          {
            value: item,
            before: itemBefore(before, item, node),
            path: `${path}[${String(index)}]`,
            budget,
          },
          violations,
        );
      return;
    }
    if (!isJsonObject(value)) return;
    for (const key of Object.keys(value)) {
      const child = childOf(node, key);
      if (child === undefined) continue;
      const at = node.properties.has(key) ? (path === '' ? key : `${path}.${key}`) : `${path}[${key}]`;
      // What is owned as a whole has no parts that stay the same ones.
      const old = node.atomicMap ? undefined : fieldBefore(before, key);
      this.#walk(child, { value: value[key], before: old, path: at, budget }, violations);
    }
  }

  #evaluate(node: SchemaNode, { value, before, path, budget }: Place, violations: Violations): void {
    const { type, rules } = this.#rulesOf(node);
    const self = type.convert(value);
    const old = before === undefined ? undefined : type.convert(before);
    const isUnchanged = before !== undefined && sameJson(value, before);
    for (const rule of rules) {
      if (isUnchanged && !rule.usesOldSelf) continue;
      if (rule.usesOldSelf && old === undefined && !rule.optionalOldSelf) continue;
      const oldValue = rule.optionalOldSelf ? (old === undefined ? Optional.none() : Optional.of(old)) : old;
      const variables = { self, oldSelf: oldValue };
      const shown = typeof value === 'object' ? (Array.isArray(value) ? 'array' : 'object') : value;
      const evaluation = { rule, variables, budget, shown, type: node.type, path };
      const cause = evaluateRule(evaluation);
      if (cause !== undefined) violations.addAll([cause]);
      if (budget.isOver) return;
    }
  }

  #rulesOf(node: SchemaNode): RulesOfNode {
    let compiled = this.#compiled.get(node);
    if (compiled === undefined) {
      compiled = compileRulesOf(node, node === this.#root || node.embeddedResource, []);
      this.#compiled.set(node, compiled);
    }
    return compiled;
  }
}

interface Place {
  readonly value: unknown;
  readonly before: unknown;
  readonly path: string;
  readonly budget: RuleBudget;
}

interface Evaluation {
  readonly rule: CompiledRule;
  readonly variables: Readonly<Record<string, unknown>>;
  readonly budget: RuleBudget;
  readonly shown: unknown;
  readonly type: string;
  readonly path: string;
}

function evaluateRule(evaluation: Evaluation): StatusCause | undefined {
  const { rule: compiled, variables, budget, shown, type, path } = evaluation;
  const { rule, condition, message } = compiled;
  const own = (rule.message ?? '').trim();
  const ruleText = own === '' ? rule.rule.trim() : own;
  const place = path === '' ? '<nil>' : path;
  const result = budget.evaluate(condition, variables);
  switch (result.kind) {
    case 'value':
      if (result.value === true) return undefined;
      break;
    case 'error':
      return invalidCause(place, shown, `${result.message} evaluating rule: ${ruleText}`);
    case 'too-expensive':
      return invalidCause(
        place,
        type,
        `'${result.message}': no further validation rules will be run due to call cost exceeds limit for rule: ${ruleText}`,
      );
    case 'out-of-budget':
      return invalidCause(place, type, `validation failed due to ${outOfBudget}`);
  }
  const told = messageOf(message, variables, budget);
  if (budget.isOver) return invalidCause(place, type, told ?? outOfBudget);
  const detail = told ?? (own === '' ? `failed rule: ${rule.rule.trim()}` : own);
  const at = (path + (rule.fieldPath ?? '')).replace(/^\./, '');
  const field = at === '' ? '<nil>' : at;
  switch (rule.reason) {
    case 'FieldValueRequired':
      return { reason: rule.reason, field, message: `Required value: ${detail}` };
    case 'FieldValueForbidden':
      return { reason: rule.reason, field, message: `Forbidden: ${detail}` };
    case 'FieldValueDuplicate':
      return { reason: rule.reason, field, message: `Duplicate value: ${JSON.stringify(shown)}` };
    case 'FieldValueInvalid':
    case undefined:
      break;
  }
  return invalidCause(field, shown, detail);
}

function invalidCause(field: string, shown: unknown, detail: string): StatusCause {
  return {
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${JSON.stringify(shown)}: ${detail}`,
  };
}

/**
 * Undefined where the expression has no value, or an empty one: the fixed message then serves. When it costs too much, why no
 * further rule is looked at.
 */
function messageOf(
  message: Expression | undefined,
  variables: Readonly<Record<string, unknown>>,
  budget: RuleBudget,
): string | undefined {
  if (message === undefined) return undefined;
  const result = budget.evaluate(message, variables);
  switch (result.kind) {
    case 'error':
      return undefined;
    case 'too-expensive':
      return `no further validation rules will be run due to call cost exceeds limit for messageExpression: ${JSON.stringify(message.text)}`;
    case 'out-of-budget':
      return `messageExpression evaluation failed due to ${outOfBudget}`;
    case 'value': {
      const text = typeof result.value === 'string' ? result.value.trim() : '';
      const isUsable = text !== '' && !text.includes('\n') && Buffer.byteLength(text) <= maxMessageBytes;
      return isUsable ? text : undefined;
    }
  }
}
