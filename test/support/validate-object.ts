/** Runs the rules of a kind over an object, as the apiserver does when a client sends it. */
import { lazyStrategies } from '../../apiserver/resources/lazy-registry.js';
import type { Strategy } from '../../apiserver/resources/strategy.js';
import { Violations } from '../../api/field-path.js';
import type { KubernetesObject } from '../../api/objects.js';
import { decodeObject } from '../../api/schema/decode.js';
import { loadSchema } from '../../api/schema/load.js';

async function strategyOf(kind: string): Promise<Strategy> {
  const found = lazyStrategies.find(({ definition }) => definition.kind === kind);
  if (found === undefined) throw new Error(`no late strategy is for ${kind}`);
  return found.load();
}

/** The object with its defaults. */
export async function defaulted(kind: string, fields: object, name = 'a'): Promise<KubernetesObject> {
  const strategy = await strategyOf(kind);
  const json = { metadata: { name }, ...fields };
  const { object } = decodeObject<KubernetesObject>(loadSchema(), strategy.definition.schemaName, json);
  strategy.setDefaults?.(object);
  return object;
}

function textsOf(violations: Violations): string[] {
  return violations.causes.map(({ field = '', message = '' }) => `${field}: ${message}`);
}

/** What is wrong with a new object, `path: message` each. */
export async function problemsOf(kind: string, fields: object, name = 'a'): Promise<string[]> {
  const strategy = await strategyOf(kind);
  const object = await defaulted(kind, fields, name);
  const violations = new Violations();
  violations.invalidEach('metadata.name', name, strategy.validateName?.(name) ?? []);
  strategy.validate(object, violations);
  strategy.validateCreate?.(object, violations);
  return textsOf(violations);
}

/** What is wrong with a change. */
export async function updateProblemsOf(kind: string, before: object, after: object): Promise<string[]> {
  const strategy = await strategyOf(kind);
  const violations = new Violations();
  strategy.validateUpdate?.(await defaulted(kind, after), await defaulted(kind, before), violations);
  return textsOf(violations);
}
