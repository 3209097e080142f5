/**
 * Counts what an expression costs while it is evaluated, and ends it where that is too much. The parts of an expression are
 * told once to report themselves; evaluation is synchronous, so the meter that runs is the one of this evaluation.
 */
import { costOfCall, costOfOperator } from './call-costs.js';
import type { CelNode, Macro } from './library.js';
import { comprehensionCosts, listCreation, mapCreation, twoVariableCosts } from './loop-costs.js';
import { bindCreation, incrementCost, keepCost, pushCost } from './loop-costs.js';
import { childrenOf, knownMacro, ownerOf } from './node-children.js';
import type { Comprehension } from './node-children.js';

/** An expression that costs more than it may. The message is Kubernetes'. */
export class CelCostError extends Error {
  override readonly name = 'CelCostError';
  constructor() {
    super('operation cancelled: actual cost limit exceeded');
  }
}

export class CostMeter {
  readonly #limit: number;
  #cost = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get cost(): number {
    return this.#cost;
  }

  get exceeded(): boolean {
    return this.#cost > this.#limit;
  }

  /** Throws {@link CelCostError}, again and again: `||` and loops go on after an error of a part. */
  add(cost: number): void {
    this.#cost += cost;
    if (this.exceeded) throw new CelCostError();
  }
}

let running: CostMeter | undefined;

/** Evaluates with what the parts of the expression report going to this meter. */
export function withMeter<T>(meter: CostMeter, evaluate: () => T): T {
  const before = running;
  running = meter;
  try {
    return evaluate();
  } finally {
    running = before;
  }
}

/** Once for each expression that was checked. */
export function instrument(node: CelNode): void {
  const { alternate, macro } = node.meta;
  if (alternate !== undefined) instrument(alternate);
  else if (macro !== undefined) instrumentMacro(macro);
  else {
    for (const child of childrenOf(node)) instrument(child);
    instrumentNode(node);
  }
}

const fixedCosts: Readonly<Record<string, number>> = {
  id: 1,
  '.': 1,
  '.?': 1,
  '[]': 1,
  '[?]': 1,
  list: listCreation,
  map: mapCreation,
  accuPush: pushCost,
  accuInc: incrementCost,
  accuValue: keepCost,
  '!_': 1,
  '-_': 1,
};

function instrumentNode(node: CelNode): void {
  const { op, args } = node;
  const fixed = fixedCosts[op];
  if (fixed !== undefined) {
    addOnEvaluation(node, fixed);
    return;
  }
  switch (op) {
    case 'value':
    case '?:':
    case '&&':
    case '||':
      return;
    case 'call':
    case 'rcall': {
      const [name] = args as readonly [string];
      addOnHandling(node, ([values], result) => costOfCall(name, values as readonly unknown[], result));
      return;
    }
    case 'comprehension': {
      const { perStep, once } = comprehensionCosts(args as Comprehension);
      addOnEvaluation(node, once);
      if (perStep > 0) addOnEvaluation((args as Comprehension).step, perStep);
      return;
    }
    default:
      addOnHandling(node, ([left, right]) => costOfOperator(op, left, right));
  }
}

function addOnEvaluation(node: CelNode, cost: number): void {
  // What the library has put in place of the general way, such as an empty list, counts as well.
  const original = (node.meta as { evaluate?: CelNode['evaluate'] }).evaluate ?? node.evaluate;
  node.setMeta('evaluate', (evaluator, self, scope) => {
    running?.add(cost);
    return original.call(node, evaluator, self, scope);
  });
}

function addOnHandling(node: CelNode, costOf: (parts: readonly unknown[], result: unknown) => number): void {
  const { handle } = node;
  if (handle === undefined) return;
  node.handle = (...parts) => {
    const result = handle(...parts);
    running?.add(costOf(parts, result));
    return result;
  };
}

function instrumentMacro(macro: Macro): void {
  const known = knownMacro(macro);
  switch (known.kind) {
    case 'has': {
      let fields = 0;
      let root: CelNode = known.field;
      while (root.op === '.' || root.op === '.?') {
        root = ownerOf(root);
        fields++;
      }
      instrument(root);
      addToMacro(macro, fields);
      return;
    }
    case 'bind':
      instrument(known.value);
      instrument(known.body);
      addToMacro(macro, bindCreation);
      return;
    case 'or':
      instrument(known.receiver);
      instrument(known.other);
      addToMacro(macro, 1);
      return;
    case 'optional':
      instrument(known.macro.receiver);
      instrument(known.macro.body);
      addToMacro(macro, bindCreation + 3);
      return;
    case 'loop': {
      const { receiver, filter, body, loop } = known.macro;
      const { perStep, once } = twoVariableCosts(loop.name);
      for (const part of [receiver, filter, body]) if (part !== undefined) instrument(part);
      addToMacro(macro, once);
      known.macro.onStep = () => running?.add(perStep);
    }
  }
}

function addToMacro(macro: Macro, cost: number): void {
  const { evaluate } = macro;
  macro.evaluate = (evaluator, self, scope) => {
    running?.add(cost);
    return evaluate.call(macro, evaluator, self, scope);
  };
}
