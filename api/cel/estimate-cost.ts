/**
 * What an expression costs at most, from how large its variables can be: loops cost what their range allows, functions what
 * the size of their arguments allows. Kubernetes' estimate, by which it decides which rules a definition may have. Pure.
 */
import {
  estimateCall,
  estimateOperator,
  joinSizes,
  maxCost,
  plus,
  sizeOf,
  times,
  unknownSize,
} from './call-costs.js';
import type { Argument, Size } from './call-costs.js';
import type { CelNode, CelType } from './library.js';
import {
  bindCreation,
  comprehensionCosts,
  incrementCost,
  keepCost,
  listCreation,
  mapCreation,
  pushCost,
  twoVariableCosts,
} from './loop-costs.js';
import { knownMacro, ownerOf } from './node-children.js';
import type { Comprehension, KnownMacro } from './node-children.js';

/** How large values of a schema can be: characters, items or entries. */
export interface Bounds {
  readonly maxSize: number;
  readonly items?: Bounds;
  readonly keys?: Bounds;
  readonly fields?: ReadonlyMap<string, Bounds>;
  /** Of an entry that is asked for as if it were a field. */
  readonly anyField?: Bounds;
}

/** What is known of the value of an expression. */
interface Known {
  readonly type: CelType;
  readonly bounds?: Bounds | undefined;
  readonly size?: Size | undefined;
  /** Of the items of a list, where no schema says so. */
  readonly itemSize?: Size | undefined;
}

interface Estimate extends Known {
  readonly cost: number;
}

type Variables = ReadonlyMap<string, Known>;

const dyn: CelType = { kind: 'dyn', name: 'dyn' };
const scalars: ReadonlySet<string> = new Set([
  'bool',
  'double',
  'int',
  'uint',
  'google.protobuf.Timestamp',
  'google.protobuf.Duration',
]);

/** `variables` are those with a schema. The expression was checked. */
export function estimateCost(root: CelNode, variables: ReadonlyMap<string, Bounds>): number {
  const known = new Map(
    [...variables].map(([name, bounds]): [string, Known] => [name, { type: dyn, bounds }]),
  );
  return estimate(root, known).cost;
}

function sizeOfKnown({ size, bounds, type }: Known): Size {
  if (size !== undefined) return size;
  if (bounds !== undefined) return { min: 0, max: bounds.maxSize };
  return isScalar(type) ? sizeOf(1) : unknownSize;
}

function isScalar({ kind, name, valueType }: CelType): boolean {
  return scalars.has(name) || (kind === 'optional' && valueType !== undefined && isScalar(valueType));
}

function argumentOf(known: Known): Argument {
  const { type, bounds, itemSize } = known;
  const items = bounds?.items === undefined ? undefined : { min: 0, max: bounds.items.maxSize };
  return { type, size: sizeOfKnown(known), itemSize: items ?? itemSize ?? unknownSize };
}

function estimate(node: CelNode, variables: Variables): Estimate {
  const { alternate, macro } = node.meta;
  if (alternate !== undefined) return estimate(alternate, variables);
  const type = node.checkedType ?? dyn;
  if (macro !== undefined) return estimateMacro(knownMacro(macro), type, variables);
  const of = (child: CelNode): Estimate => estimate(child, variables);
  const { op, args } = node;
  switch (op) {
    case 'value':
      return { type, cost: 0, size: literalSize(args) };
    case 'id':
      return { ...variables.get(args as string), type, cost: 1 };
    case '.': {
      const [owner, name] = args as readonly [CelNode, string];
      const from = of(owner);
      const own = from.type.kind === 'map' || from.type.kind === 'message' ? 1 : 0;
      return {
        type,
        cost: plus(from.cost, own),
        bounds: from.bounds?.fields?.get(name) ?? from.bounds?.anyField,
      };
    }
    case '.?':
      return { type, cost: plus(of((args as readonly [CelNode])[0]).cost, 1) };
    case '[]':
    case '[?]': {
      const [from, index] = (args as readonly [CelNode, CelNode]).map(of) as [Estimate, Estimate];
      const cost = plus(from.cost, index.cost, 1);
      return op === '[]' ? { type, cost, bounds: from.bounds?.items, size: from.itemSize } : { type, cost };
    }
    case 'call': {
      const [name, list] = args as readonly [string, readonly CelNode[]];
      return estimateFunction(name, undefined, list.map(of), type);
    }
    case 'rcall': {
      const [name, receiver, list] = args as readonly [string, CelNode, readonly CelNode[]];
      return estimateFunction(name, of(receiver), list.map(of), type);
    }
    case 'list': {
      const items = (args as readonly CelNode[]).map(of);
      return {
        type,
        cost: plus(listCreation, ...costsOf(items)),
        size: sizeOf(items.length),
        itemSize: items.map(sizeOfKnown).reduce(joinSizes, items.length === 0 ? sizeOf(0) : noSize),
      };
    }
    case 'map': {
      const entries = (args as readonly (readonly [CelNode, CelNode])[]).flat().map(of);
      return { type, cost: plus(mapCreation, ...costsOf(entries)), size: sizeOf(entries.length / 2) };
    }
    case 'comprehension':
      return estimateComprehension(args as Comprehension, type, variables);
    case 'accuPush':
      return { type, cost: plus(pushCost, of(args as CelNode).cost) };
    case 'accuInc':
      return { type, cost: incrementCost };
    case 'accuValue':
      return { type, cost: keepCost };
    case '!_':
    case '-_':
      return { type, cost: plus(of(args as CelNode).cost, 1) };
    case '?:': {
      const [condition, yes, no] = (args as readonly CelNode[]).map(of) as [Estimate, Estimate, Estimate];
      const size = joinSizes(sizeOfKnown(yes), sizeOfKnown(no));
      return { type, cost: plus(condition.cost, Math.max(yes.cost, no.cost)), size };
    }
    case '&&':
    case '||':
      return { type, cost: plus(...costsOf((args as readonly CelNode[]).map(of))) };
    default: {
      const [left, right] = (args as readonly CelNode[]).map(of) as [Estimate, Estimate];
      const { cost, size } = estimateOperator(op, argumentOf(left), argumentOf(right));
      return { type, cost: plus(left.cost, right.cost, cost), size };
    }
  }
}

/** Smaller and larger than every size. */
const noSize: Size = { min: maxCost, max: 0 };

function costsOf(estimates: readonly Estimate[]): readonly number[] {
  return estimates.map(({ cost }) => cost);
}

function literalSize(value: unknown): Size | undefined {
  if (typeof value === 'string' || value instanceof Uint8Array) return sizeOf(value.length);
  return typeof value === 'object' && value !== null ? undefined : sizeOf(1);
}

function estimateFunction(
  name: string,
  target: Estimate | undefined,
  args: readonly Estimate[],
  type: CelType,
): Estimate {
  const [first] = args;
  // Only hides a type.
  if (name === 'dyn' && first !== undefined) return { ...first, type, cost: plus(first.cost, 1) };
  const { cost, size } = estimateCall(
    name,
    target === undefined ? undefined : argumentOf(target),
    args.map(argumentOf),
  );
  return { type, cost: plus(target?.cost ?? 0, ...costsOf(args), cost), size };
}

function estimateComprehension(loop: Comprehension, type: CelType, variables: Variables): Estimate {
  const range = estimate(loop.iterable, variables);
  const items = sizeOfKnown(range);
  const inner = new Map(variables).set(loop.iterVarName, entryOf(range, 'single'));
  const { perStep, once } = comprehensionCosts(loop);
  const step = plus(estimate(loop.step, inner).cost, perStep);
  const cost = plus(range.cost, estimate(loop.init, variables).cost, times(items.max, step), once);
  return { type, cost, ...(loop.kind === 'quantifier' ? { size: sizeOf(1) } : { size: items }) };
}

/** The variable of a loop: the items of a list, the keys of a map; with two of them, places and values. */
function entryOf(range: Estimate, which: 'single' | 'key' | 'value'): Known {
  const { bounds, type, itemSize } = range;
  const isMap = type.kind === 'map';
  if (which === 'key' || (which === 'single' && isMap))
    return { type: type.keyType ?? dyn, bounds: isMap ? bounds?.keys : undefined };
  return { type: type.valueType ?? dyn, bounds: bounds?.items, size: bounds?.items ? undefined : itemSize };
}

function estimateMacro(macro: KnownMacro, type: CelType, variables: Variables): Estimate {
  const of = (child: CelNode, inner: Variables = variables): Estimate => estimate(child, inner);
  switch (macro.kind) {
    case 'has':
      return { type, cost: plus(of(ownerOf(macro.field)).cost, 1) };
    case 'bind': {
      const value = of(macro.value);
      const body = of(macro.body, new Map(variables).set(macro.variable, value));
      return { ...body, type, cost: plus(bindCreation, value.cost, body.cost) };
    }
    case 'or':
      return { type, cost: plus(of(macro.receiver).cost, of(macro.other).cost, 1) };
    case 'optional': {
      const { receiver, variable, body } = macro.macro;
      const target = of(receiver);
      const inner = new Map(variables).set(variable, { type: target.type.valueType ?? dyn });
      // Written out, what it is called on is looked at twice: whether there is a value, and which.
      return { type, cost: plus(target.cost, 1, 1, bindCreation, target.cost, 1, of(body, inner).cost) };
    }
    case 'loop':
      return estimateTwoVariables(macro.macro, type, variables);
  }
}

function estimateTwoVariables(
  { receiver, filter, body, loop, variables: names }: (KnownMacro & { kind: 'loop' })['macro'],
  type: CelType,
  variables: Variables,
): Estimate {
  const range = estimate(receiver, variables);
  const items = sizeOfKnown(range);
  const inner = new Map(variables)
    .set(names[0], entryOf(range, 'key'))
    .set(names[1], entryOf(range, 'value'));
  const { perStep, once } = twoVariableCosts(loop.name);
  const filterCost = filter === undefined ? 0 : estimate(filter, inner).cost;
  const step = plus(filterCost, estimate(body, inner).cost, perStep);
  return {
    type,
    cost: plus(range.cost, times(items.max, step), once),
    size: loop.wanted === 'bool' ? sizeOf(1) : items,
  };
}
