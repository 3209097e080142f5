/** Macros that the library leaves out: `optMap` and `optFlatMap`, and comprehensions with two variables. */
import { EvaluationError, Optional, ParseError } from '@marcbachmann/cel-js';
import type { Environment } from '@marcbachmann/cel-js';
import type { CelNode, CelType, Checker, Evaluator, MacroCall, Macro, Scope } from './library.js';
import { nameOf } from './library.js';
import { sameValue } from './same-value.js';

export function registerMacros(environment: Environment): void {
  const add = (signature: string, expand: (call: MacroCall) => Macro): void => {
    environment.registerFunction(signature, expand);
  };
  environment.registerFunction(
    'OptionalNamespace.ofNonZeroValue(dyn): optional<dyn>',
    (_: object, value: unknown) => (isZero(value) ? Optional.none() : Optional.of(value)),
  );
  environment.registerOperator('optional<A> == optional<A>', (a: Optional, b: Optional) =>
    a.hasValue() && b.hasValue() ? sameValue(a.value(), b.value()) : a.hasValue() === b.hasValue(),
  );
  add('optional.optMap(ast, ast): optional<dyn>', (call) => new OptionalMacro(call, 'optMap'));
  add('optional.optFlatMap(ast, ast): optional<dyn>', (call) => new OptionalMacro(call, 'optFlatMap'));
  for (const name of ['all', 'exists', 'existsOne', 'exists_one'] as const)
    add(`list.${name}(ast, ast, ast): bool`, (call) => new TwoVariables(call, quantifiers[name]));
  for (const [name, loop] of Object.entries(transformations)) {
    add(`list.${name}(ast, ast, ast): dyn`, (call) => new TwoVariables(call, loop));
    add(`list.${name}(ast, ast, ast, ast): dyn`, (call) => new TwoVariables(call, loop));
  }
}

function isZero(value: unknown): boolean {
  if (value === null || value === '' || value === false || value === 0 || value === 0n) return true;
  if (typeof value !== 'object') return false;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return value instanceof Map ? value.size === 0 : Object.keys(value).length === 0;
}

function variableOf(node: CelNode | undefined, macro: string): string {
  const name = nameOf(node);
  if (name === undefined) throw new ParseError(`${macro}() variable name must be a simple identifier`);
  return name;
}

/** `x.optMap(v, expression)`: the expression of the value, where there is one. */
export class OptionalMacro implements Macro {
  readonly receiver: CelNode;
  readonly body: CelNode;
  readonly variable: string;
  readonly #flat: boolean;
  readonly #name: string;
  #scope: Scope | undefined;

  constructor({ args, receiver }: MacroCall, name: 'optMap' | 'optFlatMap') {
    const [variable, body] = args;
    if (body === undefined) throw new ParseError(`${name}() needs an expression`);
    this.receiver = receiver;
    this.body = body;
    this.variable = variableOf(variable, name);
    this.#name = name;
    this.#flat = name === 'optFlatMap';
  }

  typeCheck(checker: Checker, _macro: Macro, scope: Scope): CelType {
    const from = checker.check(this.receiver, scope);
    if (from.kind !== 'optional' && from.kind !== 'dyn')
      throw checker.createError(
        'no_matching_overload',
        `found no matching overload for '${this.#name}' applied to '${from.name}'`,
        this.receiver,
      );
    const value = (from.kind === 'optional' ? from.valueType : undefined) ?? checker.getType('dyn');
    this.#scope = scope.forkWithVariable(this.variable, value);
    const to = checker.check(this.body, this.#scope);
    if (!this.#flat) return checker.registry.getOptionalType(to);
    if (to.kind === 'optional') return to;
    if (to.kind === 'dyn') return checker.registry.getOptionalType(to);
    throw checker.createError('optional_expected', `${this.#name}() expression must be optional`, this.body);
  }

  evaluate(evaluator: Evaluator, _macro: Macro, scope: Scope): unknown {
    const from = evaluator.run(this.receiver, scope);
    if (!(from instanceof Optional)) throw new EvaluationError(`${this.#name}() target must be optional`);
    if (!from.hasValue()) return Optional.none();
    const inner = this.#scope?.reuse(scope).setIterValue(from.value(), evaluator) ?? scope;
    const to = evaluator.run(this.body, inner);
    return this.#flat ? to : Optional.of(to);
  }
}

/** One entry of a list or map: where it stands, and what stands there. */
type Entry = readonly [unknown, unknown];

/** Runs the expressions of one entry. */
interface Steps {
  /** True where there is no filter. */
  readonly passes: (entry: Entry) => boolean;
  readonly value: (entry: Entry) => unknown;
}

export interface Loop {
  readonly name: string;
  /** What the last expression must be; undefined for anything. */
  readonly wanted: 'bool' | 'map' | undefined;
  typeOf(checker: Checker, value: CelType, key: CelType): CelType;
  run(entries: readonly Entry[], steps: Steps): unknown;
}

const bool = (checker: Checker): CelType => checker.getType('bool');

/** An error of one entry counts only where no other entry decides. */
function quantifier(name: string, decisive: boolean): Loop {
  return {
    name,
    wanted: 'bool',
    typeOf: bool,
    run(entries, { value }) {
      let problem: unknown;
      for (const entry of entries) {
        try {
          if (value(entry) === decisive) return decisive;
        } catch (error) {
          problem ??= error;
        }
      }
      if (problem !== undefined) throw problem as Error;
      return !decisive;
    },
  };
}

const existsOne: Loop = {
  name: 'existsOne',
  wanted: 'bool',
  typeOf: bool,
  run: (entries, { value }) => entries.filter((entry) => value(entry) === true).length === 1,
};

const quantifiers: Readonly<Record<'all' | 'exists' | 'existsOne' | 'exists_one', Loop>> = {
  all: quantifier('all', false),
  exists: quantifier('exists', true),
  existsOne,
  exists_one: existsOne,
};

const transformations: Readonly<Record<string, Loop>> = {
  transformList: {
    name: 'transformList',
    wanted: undefined,
    typeOf: (checker, value) => checker.registry.getListType(value),
    run: (entries, { passes, value }) => entries.filter(passes).map(value),
  },
  transformMap: {
    name: 'transformMap',
    wanted: undefined,
    typeOf: (checker, value, key) => checker.registry.getMapType(key, value),
    run: (entries, { passes, value }) =>
      new Map(entries.filter(passes).map((entry) => [entry[0], value(entry)])),
  },
  transformMapEntry: {
    name: 'transformMapEntry',
    wanted: 'map',
    typeOf: (_checker, value) => value,
    run(entries, { passes, value }) {
      const result = new Map<unknown, unknown>();
      for (const entry of entries.filter(passes))
        for (const [key, item] of entriesOf(value(entry))) {
          if (result.has(key)) throw new EvaluationError(`insert failed: key ${String(key)} already exists`);
          result.set(key, item);
        }
      return result;
    },
  },
};

function entriesOf(value: unknown): readonly Entry[] {
  if (Array.isArray(value)) return value.map((item, index): Entry => [BigInt(index), item]);
  if (value instanceof Map) return [...(value as Map<unknown, unknown>)];
  if (typeof value === 'object' && value !== null) return Object.entries(value);
  throw new EvaluationError('only a list or a map can be the range of a comprehension');
}

/** `x.all(k, v, expression)` and its kind: a list gives index and item, a map key and value. */
export class TwoVariables implements Macro {
  readonly receiver: CelNode;
  readonly filter: CelNode | undefined;
  readonly body: CelNode;
  readonly loop: Loop;
  readonly variables: readonly [string, string];
  /** Told of each entry that the loop looks at. */
  onStep: (() => void) | undefined;
  #key: Scope | undefined;
  #value: Scope | undefined;

  constructor({ args, receiver }: MacroCall, loop: Loop) {
    const body = args.at(-1);
    if (body === undefined) throw new ParseError(`${loop.name}() needs an expression`);
    this.receiver = receiver;
    this.filter = args.length === 4 ? args[2] : undefined;
    this.body = body;
    this.loop = loop;
    this.variables = [variableOf(args[0], loop.name), variableOf(args[1], loop.name)];
    if (this.variables[0] === this.variables[1])
      throw new ParseError(`duplicate variable name: ${this.variables[0]}`);
  }

  typeCheck(checker: Checker, _macro: Macro, scope: Scope): CelType {
    const { key, value } = entryTypes(checker, checker.check(this.receiver, scope), this.receiver);
    this.#key = scope.forkWithVariable(this.variables[0], key);
    this.#value = this.#key.forkWithVariable(this.variables[1], value);
    if (this.filter !== undefined) this.#require(checker, this.filter, 'bool');
    const { wanted } = this.loop;
    const type =
      wanted === undefined
        ? checker.check(this.body, this.#value)
        : this.#require(checker, this.body, wanted);
    return this.loop.typeOf(checker, type, key);
  }

  #require(checker: Checker, node: CelNode, wanted: string): CelType {
    const type = checker.check(node, this.#value ?? unchecked());
    if (type.kind !== 'dyn' && type.kind !== wanted && type.name !== wanted)
      throw checker.createError(
        'invalid_macro_argument',
        `${this.loop.name}() expression must be ${wanted}, got '${type.name}'`,
        node,
      );
    return type;
  }

  evaluate(evaluator: Evaluator, _macro: Macro, scope: Scope): unknown {
    const [keys, values] = [this.#key?.reuse(scope), this.#value];
    if (keys === undefined || values === undefined) return unchecked();
    const inScope = ([key, value]: Entry): Scope =>
      values.reuse(keys.setIterValue(key, evaluator)).setIterValue(value, evaluator);
    const { filter, body } = this;
    return this.loop.run(entriesOf(evaluator.run(this.receiver, scope)), {
      passes: (entry) => filter === undefined || evaluator.run(filter, inScope(entry)) === true,
      value: (entry) => {
        this.onStep?.();
        return evaluator.run(body, inScope(entry));
      },
    });
  }
}

function entryTypes(
  checker: Checker,
  range: CelType,
  node: CelNode,
): { readonly key: CelType; readonly value: CelType } {
  const dyn = checker.getType('dyn');
  switch (range.kind) {
    case 'list':
      return { key: checker.getType('int'), value: range.valueType ?? dyn };
    case 'map':
      return { key: range.keyType ?? dyn, value: range.valueType ?? dyn };
    case 'dyn':
      return { key: dyn, value: dyn };
  }
  throw checker.createError(
    'invalid_comprehension_range',
    `expression of type '${range.name}' cannot be range of a comprehension (must be list, map, or dynamic)`,
    node,
  );
}

function unchecked(): never {
  throw new Error('an expression is evaluated that was not checked');
}
