/**
 * Expressions in CEL of admission policies and of match conditions: what they may speak of, and whether they compile. Here
 * they are only checked; nothing evaluates them yet, so functions that ask the authorizer have types and no work to do.
 */
import { CelCompileError, compileExpression, createEnvironment } from '../../../api/cel/expression.js';
import type { Environment, Expression } from '../../../api/cel/expression.js';
import { structClass } from '../../../api/cel/struct-class.js';
import type { Violations } from '../../../api/field-path.js';

export interface AdmissionScope {
  /** The policy names a kind of parameters. */
  readonly hasParams: boolean;
  readonly hasAuthorizer: boolean;
  /** Types of the variables that the policy defines, by name. */
  readonly variables?: ReadonlyMap<string, string>;
}

type Fields = Readonly<Record<string, string>>;

const kindFields: Fields = { group: 'string', version: 'string', kind: 'string' };
const resourceFields: Fields = { group: 'string', version: 'string', resource: 'string' };
const time = 'google.protobuf.Timestamp';
const texts = 'map<string, string>';

/** In the order in which they need each other. */
const structs: readonly (readonly [string, Fields])[] = [
  ['GroupVersionKind', kindFields],
  ['GroupVersionResource', resourceFields],
  [
    'UserInfo',
    { username: 'string', uid: 'string', groups: 'list<string>', extra: 'map<string, list<string>>' },
  ],
  [
    'AdmissionRequest',
    {
      kind: 'GroupVersionKind',
      resource: 'GroupVersionResource',
      subResource: 'string',
      requestKind: 'GroupVersionKind',
      requestResource: 'GroupVersionResource',
      requestSubResource: 'string',
      name: 'string',
      namespace: 'string',
      operation: 'string',
      userInfo: 'UserInfo',
      dryRun: 'bool',
      options: 'dyn',
    },
  ],
  [
    'NamespaceMetadata',
    {
      name: 'string',
      generateName: 'string',
      namespace: 'string',
      labels: texts,
      annotations: texts,
      UID: 'string',
      creationTimestamp: time,
      deletionGracePeriodSeconds: 'int',
      deletionTimestamp: time,
      generation: 'int',
      resourceVersion: 'string',
      finalizers: 'list<string>',
    },
  ],
  ['NamespaceSpec', { finalizers: 'list<string>' }],
  [
    'NamespaceCondition',
    { status: 'string', type: 'string', lastTransitionTime: time, message: 'string', reason: 'string' },
  ],
  ['NamespaceStatus', { conditions: 'list<NamespaceCondition>', phase: 'string' }],
  ['Namespace', { metadata: 'NamespaceMetadata', spec: 'NamespaceSpec', status: 'NamespaceStatus' }],
];

/** What can be asked of the authorizer (Kubernetes' Authz library). */
const authorizerStructs: readonly (readonly [string, Fields])[] = [
  ['Decision', {}],
  ['PathCheck', {}],
  ['ResourceCheck', {}],
  ['GroupCheck', {}],
  ['Authorizer', { requestResource: 'ResourceCheck' }],
];
const authorizerFunctions = [
  'Authorizer.path(string): PathCheck',
  'Authorizer.group(string): GroupCheck',
  'Authorizer.serviceAccount(string, string): Authorizer',
  'PathCheck.check(string): Decision',
  'GroupCheck.resource(string): ResourceCheck',
  'ResourceCheck.subresource(string): ResourceCheck',
  'ResourceCheck.namespace(string): ResourceCheck',
  'ResourceCheck.name(string): ResourceCheck',
  'ResourceCheck.fieldSelector(string): ResourceCheck',
  'ResourceCheck.labelSelector(string): ResourceCheck',
  'ResourceCheck.check(string): Decision',
  'Decision.allowed(): bool',
  'Decision.reason(): string',
  'Decision.errored(): bool',
  'Decision.error(): string',
];

export function admissionEnvironment(scope: AdmissionScope): Environment {
  const environment = createEnvironment();
  for (const [name, fields] of structs) declare(environment, name, fields);
  environment.registerVariable('object', 'dyn').registerVariable('oldObject', 'dyn');
  environment.registerVariable('request', 'AdmissionRequest');
  environment.registerVariable('namespaceObject', 'Namespace');
  if (scope.hasParams) environment.registerVariable('params', 'dyn');
  if (scope.hasAuthorizer) declareAuthorizer(environment);
  if (scope.variables !== undefined) {
    declare(environment, 'Variables', Object.fromEntries(scope.variables));
    environment.registerVariable('variables', 'Variables');
  }
  return environment;
}

function declare(environment: Environment, name: string, fields: Fields): void {
  environment.registerType(name, { ctor: structClass(), fields: { ...fields } });
}

function declareAuthorizer(environment: Environment): void {
  for (const [name, fields] of authorizerStructs) declare(environment, name, fields);
  for (const signature of authorizerFunctions)
    environment.registerFunction(signature, () => {
      throw new RangeError('nothing is asked of the authorizer while an expression is only checked');
    });
  environment.registerVariable('authorizer', 'Authorizer');
}

/** Compiles; a mistake becomes a violation in the words of Kubernetes. `wanted` is empty for any type. */
export function checkExpression(
  environment: Environment,
  text: string,
  { path, wanted }: { readonly path: string; readonly wanted: readonly string[] },
  violations: Violations,
): Expression | undefined {
  if (text.trim() === '') return undefined;
  let expression: Expression;
  try {
    expression = compileExpression(environment, text);
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    violations.invalid(path, text, error.message);
    return undefined;
  }
  const { type } = expression;
  if (wanted.length > 0 && !wanted.includes(type) && type !== 'dyn') {
    const [one] = wanted;
    const what = wanted.length === 1 ? String(one) : `one of [${wanted.join(' ')}]`;
    violations.invalid(path, text, `must evaluate to ${what} but got ${type}`);
  }
  return expression;
}
