import type { Node } from '../../../api/generated/core-v1.js';
import { nodes } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateNode, validateNodeUpdate } from './validation.js';

export const nodeStrategy: Strategy<Node> = {
  definition: nodes,
  selectableFields: { 'spec.unschedulable': (node) => String(node.spec.unschedulable ?? false) },
  setDefaults({ spec }) {
    // Two names of one thing: the list is for two address families, the single one for older readers.
    if ((spec.podCIDR ?? '') !== '' && (spec.podCIDRs ?? []).length === 0)
      spec.podCIDRs = [spec.podCIDR ?? ''];
    const first = spec.podCIDRs?.[0];
    if ((spec.podCIDR ?? '') === '' && first !== undefined) spec.podCIDR = first;
  },
  validate: validateNode,
  validateUpdate: validateNodeUpdate,
};
