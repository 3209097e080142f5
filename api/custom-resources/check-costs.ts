/**
 * Checks what the rules of a schema may cost at most, each by itself and all together: who defines a resource must bound the
 * lists and texts that its rules go through. Limits and words are Kubernetes'.
 */
import { plus, times } from '../cel/call-costs.js';
import type { Bounds } from '../cel/estimate-cost.js';
import type { Violations } from '../field-path.js';
import { keyPath } from '../field-path.js';
import { compileRulesOf } from './rules.js';
import type { SchemaNode } from './schema-node.js';
import { boundsOf, maxRequestBytes } from './size-bounds.js';

/** Of one rule, as often as its value can be there. */
export const maxRuleCost = 10_000_000;
/** Of all rules of one version. */
export const maxSchemaCost = 100_000_000;
/** When the sum is too high, so many of the most expensive rules are named, if they matter. */
const namedRules = 4;
const namedFrom = maxSchemaCost / 100;

interface RuleCost {
  readonly path: string;
  readonly cost: number;
}

/** For a schema whose rules compile; `path` is that of the schema. */
export function checkRuleCosts(root: SchemaNode, path: string, violations: Violations): void {
  const costs: RuleCost[] = [];
  collect(root, path, { isRoot: true, cardinality: 1 }, { costs, violations });
  const total = plus(...costs.map(({ cost }) => cost));
  if (total <= maxSchemaCost) return;
  const expensive = costs.filter(({ cost }) => cost >= namedFrom).sort((a, b) => b.cost - a.cost);
  for (const one of expensive.slice(0, namedRules))
    violations.forbidden(
      one.path,
      'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema',
    );
  violations.forbidden(
    path,
    exceeds(
      'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema',
      total,
      maxSchemaCost,
    ),
  );
}

interface Place {
  readonly isRoot: boolean;
  /** How often a value of the schema can be in an object; undefined where a list or map around it has no bound. */
  readonly cardinality: number | undefined;
}

interface Found {
  readonly costs: RuleCost[];
  readonly violations: Violations;
}

function collect(node: SchemaNode, path: string, place: Place, found: Found): void {
  if (node.rules.length > 0) collectRulesOf(node, path, place, found);
  const inner = { isRoot: false, cardinality: cardinalityWithin(node, place.cardinality) };
  if (node.items !== undefined) collect(node.items, `${path}.items`, inner, found);
  const { additionalProperties } = node;
  if (additionalProperties !== undefined && additionalProperties !== true)
    collect(additionalProperties, `${path}.additionalProperties`, inner, found);
  for (const [name, property] of node.properties)
    collect(property, keyPath(`${path}.properties`, name), inner, found);
}

function cardinalityWithin(node: SchemaNode, around: number | undefined): number | undefined {
  const isMap = node.type === 'object' && node.additionalProperties !== undefined;
  const most = node.type === 'array' ? node.maxItems : isMap ? node.maxProperties : 1;
  return around === undefined || most === undefined ? undefined : times(around, Math.max(0, most));
}

function collectRulesOf(node: SchemaNode, path: string, place: Place, { costs, violations }: Found): void {
  const isResource = place.isRoot || node.embeddedResource;
  const bounds = boundsOf(node, isResource);
  const variables = new Map<string, Bounds>([
    ['self', bounds],
    ['oldSelf', bounds],
  ]);
  const cardinality = place.cardinality ?? Math.floor(maxRequestBytes / (bounds.minBytes + 1));
  const observe = (at: string, what: string, cost: number): void => {
    if (cost > maxRuleCost) violations.forbidden(at, exceeds(what, cost, maxRuleCost));
    costs.push({ path: at, cost });
  };
  for (const { rule, condition, message } of compileRulesOf(node, isResource, []).rules) {
    const at = `${path}.x-kubernetes-validations[${String(node.rules.indexOf(rule))}]`;
    observe(`${at}.rule`, 'estimated rule cost', times(condition.estimateCost(variables), cardinality));
    if (message !== undefined)
      observe(`${at}.messageExpression`, 'estimated messageExpression cost', message.estimateCost(variables));
  }
}

function exceeds(what: string, cost: number, limit: number): string {
  const factor = cost / limit;
  const shown =
    factor > 100 ? 'more than 100x' : factor < 1.5 ? `${factor.toFixed(6)}x` : `${factor.toFixed(1)}x`;
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`;
}
