/** The names of all plugins, apart from their code: installing them loads none of them. */
export const pluginNames = ['bridge', 'host-local', 'loopback'] as const;
export type PluginName = (typeof pluginNames)[number];
