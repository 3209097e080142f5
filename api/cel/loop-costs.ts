/**
 * What a loop costs besides its expressions. Kubernetes' CEL writes each loop out: a condition before each step, and a
 * step that does something with what was found so far. These are the costs of what is written out so. Pure.
 */
import type { Comprehension } from './node-children.js';

export const listCreation = 10;
export const mapCreation = 30;
export const bindCreation = 10;

/** Of a step that adds to a list: what there is, the list of one, and the sum. */
export const pushCost = 12;
/** Of a step that counts. */
export const incrementCost = 2;
/** Of a step that leaves what there is. */
export const keepCost = 1;

export interface LoopCosts {
  readonly perStep: number;
  readonly once: number;
}

export function comprehensionCosts({ kind, errorsAreFatal, init }: Comprehension): LoopCosts {
  if (kind !== 'quantifier') return { perStep: 0, once: 1 };
  if (errorsAreFatal) return { perStep: 0, once: 2 };
  return quantifierCosts(init.args === true ? 'all' : 'exists');
}

function quantifierCosts(name: 'all' | 'exists'): LoopCosts {
  return { perStep: name === 'all' ? 3 : 4, once: 1 };
}

/** Of the loops over two variables, by name. */
export function twoVariableCosts(name: string): LoopCosts {
  switch (name) {
    case 'all':
    case 'exists':
      return quantifierCosts(name);
    case 'existsOne':
      return { perStep: 2, once: 2 };
    case 'transformList':
      return { perStep: pushCost, once: listCreation + 1 };
    case 'transformMap':
      return { perStep: 3, once: mapCreation + 1 };
    default:
      return { perStep: 2, once: mapCreation + 1 };
  }
}
