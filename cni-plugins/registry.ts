/** Every plugin by its name. A new one adds a line here and its name to registry-names.ts. */
import { createBridgePlugin } from './bridge/bridge.js';
import type { RemoveLink } from './bridge/bridge.js';
import { hostLocal } from './host-local/host-local.js';
import type { Plugin } from './lib/spec.js';
import { loopback } from './loopback/loopback.js';
import type { PluginName } from './registry-names.js';

/** The plugins as the daemon serves them: in one process, with its own way to remove a device. */
export function createPlugins(removeLink: RemoveLink): ReadonlyMap<string, Plugin> {
  const plugins: Readonly<Record<PluginName, Plugin>> = {
    bridge: createBridgePlugin(removeLink),
    'host-local': hostLocal,
    loopback,
  };
  return new Map(Object.entries(plugins));
}
