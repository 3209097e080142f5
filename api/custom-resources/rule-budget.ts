/** What the rules of one object may cost, in Kubernetes' units: each evaluation, and all of them. */
import { CelCostError, CelRuntimeError, CostMeter } from '../cel/expression.js';
import type { Expression } from '../cel/expression.js';

/** Of one evaluation of one expression. */
export const maxCallCost = 1_000_000;
/** Of all evaluations of one write. */
export const maxObjectCost = 10_000_000;

export const outOfBudget = 'running out of cost budget, no further validation rules will be run';

export type Outcome =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly message: string }
  /** This evaluation alone was too much. */
  | { readonly kind: 'too-expensive'; readonly message: string }
  /** All evaluations together are. */
  | { readonly kind: 'out-of-budget' };

export class RuleBudget {
  #left: number;
  readonly #perCall: number;

  constructor(limits: { readonly perCall: number; readonly total: number } = defaultLimits) {
    this.#left = limits.total;
    this.#perCall = limits.perCall;
  }

  /** True when no rule may be looked at any more. */
  get isOver(): boolean {
    return this.#left < 0;
  }

  evaluate(expression: Expression, variables: Readonly<Record<string, unknown>>): Outcome {
    const meter = new CostMeter(this.#perCall);
    const outcome = evaluateMetered(expression, variables, meter);
    this.#left -= meter.cost;
    if (this.isOver) return { kind: 'out-of-budget' };
    if (outcome.kind === 'too-expensive') this.#left = -1;
    return outcome;
  }
}

const defaultLimits = { perCall: maxCallCost, total: maxObjectCost };

function evaluateMetered(
  expression: Expression,
  variables: Readonly<Record<string, unknown>>,
  meter: CostMeter,
): Outcome {
  try {
    return { kind: 'value', value: expression.evaluate(variables, meter) };
  } catch (error) {
    if (error instanceof CelCostError) return { kind: 'too-expensive', message: error.message };
    if (error instanceof CelRuntimeError)
      return meter.exceeded
        ? { kind: 'too-expensive', message: new CelCostError().message }
        : { kind: 'error', message: error.message };
    throw error;
  }
}
