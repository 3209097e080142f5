/** What the rules of a kind say about an object, without a server. */
import { Violations } from '../../api/field-path.js';
import type { KubernetesObject } from '../../api/objects.js';
import { decodeObject } from '../../api/schema/decode.js';
import { loadSchema } from '../../api/schema/load.js';
import type { Strategy } from '../../apiserver/resources/strategy.js';

const schema = loadSchema();
const user = { name: 'tester', groups: [] };

/** The object as it would be stored: decoded, with its defaults, with a uid and a namespace. */
export function admitted<T extends KubernetesObject>(strategy: Strategy<T>, body: object): T {
  const { metadata, ...rest } = body as { metadata?: object };
  const own = strategy.definition.namespaced ? { namespace: 'default' } : {};
  const { object } = decodeObject<T>(schema, strategy.definition.schemaName, {
    metadata: { name: 'a', ...own, ...metadata },
    ...rest,
  });
  strategy.setDefaults?.(object);
  object.metadata.uid = 'u';
  strategy.prepareForCreate?.(object, user);
  return object;
}

/** `path: message` of every violation at creation. */
export function problemsOf<T extends KubernetesObject>(strategy: Strategy<T>, body: object): string[] {
  const violations = new Violations();
  const object = admitted(strategy, body);
  strategy.validate(object, violations);
  strategy.validateCreate?.(object, violations);
  return texts(violations);
}

/** `path: message` of every violation of the change from one object to another. */
export function problemsOfChange<T extends KubernetesObject>(
  strategy: Strategy<T>,
  before: T,
  change: (next: T) => void,
): string[] {
  const next = structuredClone(before);
  change(next);
  strategy.setDefaults?.(next);
  const violations = new Violations();
  strategy.validateUpdate?.(next, before, violations);
  return texts(violations);
}

function texts(violations: Violations): string[] {
  return violations.causes.map(({ field = '', message = '' }) => `${field}: ${message}`);
}
