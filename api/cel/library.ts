/**
 * What macros and costs need to know of the library's inner parts: the nodes of an expression, and who checks and evaluates
 * them. The version of the library is pinned; the tables of `test/unit/api/cel-*.test.ts` say whether this still holds.
 */

export interface CelType {
  /** `list`, `map`, `optional`, `message`, `dyn`, or that of a simple value. */
  readonly kind: string;
  readonly name: string;
  readonly keyType?: CelType;
  readonly valueType?: CelType;
}

/** Variables by name; a comprehension puts its own before those around it. */
export interface Scope {
  forkWithVariable(name: string, type: CelType): Scope;
  /** The same variable below another scope. */
  reuse(parent: Scope): Scope;
  setIterValue(value: unknown, evaluator: Evaluator): Scope;
}

export interface Checker {
  readonly registry: {
    getListType(item: CelType): CelType;
    getMapType(key: CelType, value: CelType): CelType;
    getOptionalType(value: CelType): CelType;
  };
  check(node: CelNode, scope: Scope): CelType;
  getType(name: string): CelType;
  createError(code: string, message: string, node: CelNode): Error;
}

export interface Evaluator {
  run(node: CelNode, scope: Scope): unknown;
}

export interface Macro {
  typeCheck(checker: Checker, macro: Macro, scope: Scope): CelType;
  evaluate: (this: Macro, evaluator: Evaluator, macro: Macro, scope: Scope) => unknown;
}

type Evaluate = (this: CelNode, evaluator: Evaluator, node: CelNode, scope: Scope) => unknown;

export interface CelNode {
  /** `value`, `id`, `.`, `call`, `rcall`, `comprehension`, `+`, … */
  readonly op: string;
  readonly args: unknown;
  /** There once it was checked. */
  readonly checkedType?: CelType;
  /** What stands in its place: the loop of a macro, the value of a constant. */
  readonly meta: { readonly macro?: Macro; readonly alternate?: CelNode };
  setMeta(key: 'evaluate', value: Evaluate): this;
  evaluate: Evaluate;
  /** Makes the value of a call or an operator of those of its arguments. */
  handle?: (...parts: readonly unknown[]) => unknown;
}

/** What a macro is made of. */
export interface MacroCall {
  readonly ast: CelNode;
  readonly args: readonly CelNode[];
  readonly receiver: CelNode;
}

export function nameOf(node: CelNode | undefined): string | undefined {
  return node?.op === 'id' ? (node.args as string) : undefined;
}
