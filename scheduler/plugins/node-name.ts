/** NodeName: a Pod that names a node runs there or nowhere. The smallest filter: begin here when you write your own. */
import type { PluginFactory } from '../framework/extension-points.js';
import { success, unresolvable } from '../framework/verdict.js';

export const nodeName: PluginFactory = () => ({
  name: 'NodeName',
  interests: [{ type: 'node-added' }],
  filter: (_state, { pod }, node) => {
    const wanted = pod.spec.nodeName ?? '';
    return wanted === '' || wanted === node.name
      ? success
      : unresolvable("node(s) didn't match the requested node name");
  },
});
