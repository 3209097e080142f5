/** The parts of an expression that are evaluated, whatever stands for them in the library. */
import type { CelNode, Macro } from './library.js';
import { OptionalMacro, TwoVariables } from './macros.js';

/** The library's own loops: `all`, `exists`, `exists_one`, `map` and `filter`. */
export interface Comprehension {
  /** That of those that answer yes or no. */
  readonly kind?: 'quantifier';
  readonly errorsAreFatal: boolean;
  readonly iterable: CelNode;
  readonly iterVarName: string;
  readonly init: CelNode;
  readonly step: CelNode;
}

/** The library's own macros, told apart by what they hold. */
export type KnownMacro =
  | { readonly kind: 'has'; readonly field: CelNode }
  | { readonly kind: 'bind'; readonly variable: string; readonly value: CelNode; readonly body: CelNode }
  | { readonly kind: 'or'; readonly receiver: CelNode; readonly other: CelNode }
  | { readonly kind: 'optional'; readonly macro: OptionalMacro }
  | { readonly kind: 'loop'; readonly macro: TwoVariables };

interface LibraryMacro {
  readonly args?: readonly CelNode[];
  readonly var?: string;
  readonly val?: CelNode;
  readonly exp?: CelNode;
  readonly receiver?: CelNode;
  readonly arg?: CelNode;
}

/** Throws for a macro that nobody has told this file of: a mistake in the program. */
export function knownMacro(macro: Macro): KnownMacro {
  if (macro instanceof OptionalMacro) return { kind: 'optional', macro };
  if (macro instanceof TwoVariables) return { kind: 'loop', macro };
  const { args, var: variable, val, exp, receiver, arg } = macro as unknown as LibraryMacro;
  if (variable !== undefined && val !== undefined && exp !== undefined)
    return { kind: 'bind', variable, value: val, body: exp };
  if (receiver !== undefined && arg !== undefined) return { kind: 'or', receiver, other: arg };
  const [field] = args ?? [];
  if (field !== undefined) return { kind: 'has', field };
  throw new Error('an expression has a macro of which nobody knows the cost');
}

/** The object whose field `has(…)` asks for. */
export function ownerOf(field: CelNode): CelNode {
  const [owner] = field.args as readonly [CelNode, string];
  return owner;
}

/** The nodes directly below one that is neither a macro nor an alternate. */
export function childrenOf(node: CelNode): readonly CelNode[] {
  const { op, args } = node;
  switch (op) {
    case 'value':
    case 'id':
    case 'accuValue':
    case 'accuInc':
      return [];
    case 'accuPush':
    case '!_':
    case '-_':
      return [args as CelNode];
    case '.':
    case '.?':
      return [(args as readonly [CelNode, string])[0]];
    case 'call':
      return (args as readonly [string, readonly CelNode[]])[1];
    case 'rcall': {
      const [, receiver, rest] = args as readonly [string, CelNode, readonly CelNode[]];
      return [receiver, ...rest];
    }
    case 'map':
      return (args as readonly (readonly [CelNode, CelNode])[]).flat();
    case 'comprehension': {
      const { iterable, init, step } = args as Comprehension;
      return [iterable, init, step];
    }
    default:
      return args as readonly CelNode[];
  }
}
