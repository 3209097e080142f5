/** Runs the contract of CNI plugins on Knarr's own: as processes of their own, and behind the daemon. */
import { runInOwnNamespaces } from '../support/netns.js';

if (runInOwnNamespaces(import.meta.url)) {
  const { default: t } = await import('tap');
  const { cniContract } = await import('./cni.js');
  const { PluginFolder } = await import('../support/cni-runner.js');

  for (const usesDaemon of [true, false]) {
    await t.test(usesDaemon ? 'behind the daemon' : 'as processes', async (t) => {
      const plugins = new PluginFolder({ usesDaemon });
      if (usesDaemon) await plugins.startDaemon();
      const ipam = { type: 'host-local', subnet: '10.244.0.0/24', dataDir: plugins.ipamFolder };
      const configs = {
        bridge: { bridge: 'knarr0', isGateway: true, ipam },
        'host-local': { ipam },
        loopback: {},
      };
      const refused = {
        bridge: {
          ipam: { ipam: undefined },
          isGateway: { isGateway: 'yes' },
          mtu: { mtu: -1 },
          vlan: { vlan: 7 },
          bridge: { bridge: 'a name with spaces' },
          'ipam.type': { ipam: { ...ipam, type: 'nowhere' } },
        },
        'host-local': {
          'ipam.subnet': { ipam: { ...ipam, subnet: '10.244.0.0' } },
          'ipam.rangeStart': { ipam: { ...ipam, rangeStart: '10.9.9.9' } },
          'ipam.ranges': { ipam: { ...ipam, ranges: [[], []] } },
          'ipam.routes.dst': { ipam: { ...ipam, routes: [{ dst: 'home' }] } },
        },
        loopback: {},
      };
      for (const [index, plugin] of (['bridge', 'host-local', 'loopback'] as const).entries()) {
        await t.test(plugin, (t) =>
          cniContract(t, {
            run: (environment, config) => plugins.run(plugin, environment, JSON.stringify(config)),
            config: { name: 'knarr', type: plugin, ...configs[plugin] },
            refused: refused[plugin],
            prefix: `cni-${usesDaemon ? 'daemon' : 'alone'}-${index}-`,
          }),
        );
      }
      t.equal(plugins.fallbacks(), 0, 'no call missed the daemon');
      await plugins.stopDaemon();
      plugins.remove();
    });
  }
}
