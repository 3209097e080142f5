/**
 * The plugins of the default profile, one line each, in the order in which they are asked. The weight is how much a
 * score counts and matters only for plugins that score; the numbers are those of Kubernetes' default profile, where the
 * plugin is in it.
 */
import type { PluginFactory, PluginHandle } from '../framework/extension-points.js';
import type { EnabledPlugin } from '../framework/framework.js';
import { defaultBinder } from './default-binder.js';
import { imageLocality } from './image-locality.js';
import { nodeAffinity } from './node-affinity.js';
import { nodeName } from './node-name.js';
import { nodePorts } from './node-ports.js';
import { nodeResourcesBalancedAllocation } from './node-resources-balanced-allocation.js';
import { nodeResourcesFit } from './node-resources-fit.js';
import { nodeUnschedulable } from './node-unschedulable.js';
import { prioritySort } from './priority-sort.js';
import { schedulingGates } from './scheduling-gates.js';
import { startupIO } from './startup-io.js';
import { taintToleration } from './taint-toleration.js';
import { volumeBinding } from './volume-binding.js';
import { volumeRestrictions } from './volume-restrictions.js';

export const defaultProfile: readonly { readonly create: PluginFactory; readonly weight: number }[] = [
  { create: schedulingGates, weight: 0 },
  { create: prioritySort, weight: 0 },
  { create: nodeUnschedulable, weight: 0 },
  { create: nodeName, weight: 0 },
  { create: taintToleration, weight: 3 },
  { create: nodeAffinity, weight: 2 },
  { create: nodePorts, weight: 0 },
  { create: nodeResourcesFit, weight: 1 },
  { create: nodeResourcesBalancedAllocation, weight: 1 },
  { create: volumeRestrictions, weight: 0 },
  { create: volumeBinding, weight: 0 },
  { create: imageLocality, weight: 1 },
  { create: startupIO, weight: 2 },
  { create: defaultBinder, weight: 0 },
];

export function createPlugins(handle: PluginHandle): readonly EnabledPlugin[] {
  return defaultProfile.map(({ create, weight }) => ({ plugin: create(handle), weight }));
}
