/**
 * Expressions in CEL: checked against the types of their variables, then evaluated many times.
 *
 * The library does the language; the functions that Kubernetes adds to it are in `extensions.ts`. Loaded with the first
 * schema or policy that has an expression.
 */
import { Environment, EvaluationError, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import { CelCostError, instrument, withMeter } from './cost-meter.js';
import type { CostMeter } from './cost-meter.js';
import { estimateCost } from './estimate-cost.js';
import type { Bounds } from './estimate-cost.js';
import { registerExtensions } from './extensions.js';
import type { CelNode } from './library.js';

export { CelCostError, CostMeter } from './cost-meter.js';
export { Optional } from '@marcbachmann/cel-js';
export type { Environment } from '@marcbachmann/cel-js';

/** Why a text is no expression, or one of the wrong type. The message names the place, as Kubernetes does. */
export class CelCompileError extends Error {
  override readonly name = 'CelCompileError';
}

/** Why an expression has no value: a field is not there, a division by zero. */
export class CelRuntimeError extends Error {
  override readonly name = 'CelRuntimeError';
}

export interface Expression {
  readonly text: string;
  /** `bool`, `string`, `dyn`, … */
  readonly type: string;
  /** Throws {@link CelRuntimeError}; with a meter also {@link CelCostError}. */
  evaluate(variables: Readonly<Record<string, unknown>>, meter?: CostMeter): unknown;
  /** What it costs at most, from how large its variables can be. */
  estimateCost(variables: ReadonlyMap<string, Bounds>): number;
}

let base: Environment | undefined;

/** An environment with the functions of Kubernetes and no variables: the caller's to add types and variables to. */
export function createEnvironment(): Environment {
  if (base === undefined) {
    base = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false });
    registerExtensions(base);
  }
  return base.clone();
}

/** Throws {@link CelCompileError}. */
export function compileExpression(environment: Environment, text: string): Expression {
  const run = parse(environment, text);
  const checked = run.check();
  if (!checked.valid) throw compileError(text, checked.error);
  const root = run.ast as unknown as CelNode;
  instrument(root);
  return {
    text,
    type: checked.type ?? 'dyn',
    evaluate(variables, meter) {
      const evaluate = (): unknown => evaluateChecked(run, variables);
      if (meter === undefined) return evaluate();
      const result = withMeter(meter, evaluate);
      // A part that was ended may not have been decisive.
      if (meter.exceeded) throw new CelCostError();
      return result;
    },
    estimateCost: (variables) => estimateCost(root, variables),
  };
}

function parse(environment: Environment, text: string): ReturnType<Environment['parse']> {
  try {
    return environment.parse(withSafeMatching(text));
  } catch (error) {
    if (error instanceof ParseError) throw compileError(text, error);
    throw error;
  }
}

function evaluateChecked(
  run: ReturnType<Environment['parse']>,
  variables: Readonly<Record<string, unknown>>,
): unknown {
  try {
    return run({ ...variables }) as unknown;
  } catch (error) {
    if (error instanceof EvaluationError || error instanceof CelTypeError)
      throw new CelRuntimeError(wordsOf(error), { cause: error });
    // What a function of an extension refuses.
    if (error instanceof RangeError || error instanceof SyntaxError)
      throw new CelRuntimeError(error.message, { cause: error });
    throw error;
  }
}

function compileError(text: string, error: Error | undefined): CelCompileError {
  const start = error instanceof ParseError || error instanceof CelTypeError ? (error.range?.start ?? 0) : 0;
  const before = text.slice(0, start).split('\n');
  const place = `<input>:${String(before.length)}:${String((before.at(-1) ?? '').length + 1)}`;
  return new CelCompileError(`compilation failed: ERROR: ${place}: ${wordsOf(error)}`, { cause: error });
}

/** The library's words, where Kubernetes' users know others. */
function wordsOf(error: Error | undefined): string {
  const summary =
    (error as { summary?: string } | undefined)?.summary ?? error?.message ?? 'not an expression';
  if (error instanceof CelTypeError) {
    const field = /^No such key: (.+)$/.exec(summary)?.[1];
    if (field !== undefined) return `undefined field '${field}'`;
    const variable = /^Unknown variable: (.+)$/.exec(summary)?.[1];
    if (variable !== undefined) return `undeclared reference to '${variable}' (in container '')`;
  }
  const key = /^No such key: (\w+)$/.exec(summary)?.[1];
  return key === undefined ? summary : `no such key: ${key}`;
}

const literal = /[rR]?("""[^]*?"""|'''[^]*?'''|"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')/y;

/**
 * The library matches with JavaScript's regular expressions, which a text can hold up for ever. Calls go to a function of
 * our own instead; the place of an error may be some characters further on for that.
 */
function withSafeMatching(text: string): string {
  let result = '';
  for (let at = 0; at < text.length;) {
    literal.lastIndex = at;
    const piece =
      literal.exec(text)?.[0] ?? /^\.\s*matches\s*\(/.exec(text.slice(at))?.[0] ?? text.charAt(at);
    result += piece.startsWith('.') && piece.length > 1 ? '.matchesRe2(' : piece;
    at += piece.length;
  }
  return result;
}
