/** Every plugin by its name: the line to add for a new one. docs/add-a-cni-plugin.md shows the rest. */
import { createBridgePlugin } from './bridge/bridge.js';
import type { RemoveLink } from './bridge/bridge.js';
import { hostLocal } from './host-local/host-local.js';
import type { Plugin } from './lib/spec.js';
import { loopback } from './loopback/loopback.js';

export const pluginNames = ['bridge', 'host-local', 'loopback'] as const;

/** The plugins as the daemon serves them: in one process, with its own way to remove a device. */
export function createPlugins(removeLink: RemoveLink): ReadonlyMap<string, Plugin> {
  return new Map(
    [createBridgePlugin(removeLink), hostLocal, loopback].map((plugin) => [plugin.name, plugin]),
  );
}
