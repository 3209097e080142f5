/** CSINodes: which storage drivers run on a node, and what the node is called by each. */
import type { CSINode } from '../../../api/generated/storage-v1.js';
import { csiNodes } from '../../../api/resources.js';
import type { Strategy } from '../strategy.js';
import { validateCsiNode, validateCsiNodeUpdate } from './validation.js';

export const csiNodeStrategy: Strategy<CSINode> = {
  definition: csiNodes,
  validate: validateCsiNode,
  validateUpdate: validateCsiNodeUpdate,
};
