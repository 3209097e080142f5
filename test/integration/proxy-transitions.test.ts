/** Every way from one state of a Service to another is a transaction that the real nftables accepts. */
import { runInOwnNamespaces } from '../support/netns.js';

if (runInOwnNamespaces(import.meta.url)) {
  const { default: t } = await import('tap');
  const { computeServiceRules } = await import('../../proxy/compute-ruleset.js');
  const { kernelNftables } = await import('../../proxy/nftables.js');
  const { renderDifference, renderFull, renderReplacement } = await import('../../proxy/render-ruleset.js');
  const { runCommand } = await import('../../common/run-command.js');
  const { RulesetIndex } = await import('../../proxy/ruleset-index.js');
  const { serviceObject, sliceObject } = await import('../support/service-objects.js');

  const options = {
    nodeName: 'here',
    bridge: 'knarr0',
    clusterCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/12',
  };
  // The longest names that a Service may have, as they become parts of names in the kernel.
  const longest = `a${'-b'.repeat(31)}`;
  const ports = [
    { port: 65_535, protocol: 'SCTP' as const, nodePort: 32_767 },
    { name: 'udp', port: 53, protocol: 'UDP' as const },
    { name: 'unserved', port: 54, protocol: 'TCP' as const },
  ];
  const targets = [
    { port: 65_535, protocol: 'SCTP' as const },
    { name: 'udp', port: 65_535, protocol: 'UDP' as const },
  ];
  const index = new RulesetIndex();
  const service = serviceObject(longest, {
    clusterIP: '10.111.255.254',
    type: 'NodePort',
    externalIPs: ['255.255.255.254'],
    ports,
  });
  service.metadata.namespace = longest;
  const put = (endpoints: readonly string[]): void => {
    index.set('it', computeServiceRules(service, [sliceObject(longest, endpoints, targets)], options));
  };

  await t.test('from nothing, by differences', async (t) => {
    await kernelNftables.apply(renderFull(options, index.all(), { chains: [], sets: [] }));
    const one = ['255.255.255.254'];
    const three = ['10.244.100.100', '10.244.100.101', '255.255.255.254'];
    const steps: readonly [string, Parameters<typeof serviceObject>[1], readonly string[]][] = [
      ['one endpoint', {}, one],
      ['three endpoints', {}, three],
      ['with affinity', { sessionAffinity: 'ClientIP' }, three],
      ['with affinity to one', {}, one],
      ['without endpoints', {}, []],
      ['external policy Local', { externalTrafficPolicy: 'Local' }, three],
      ['both policies Local', { internalTrafficPolicy: 'Local' }, one],
      ['no affinity any more', { sessionAffinity: 'None' }, three],
      ['no external IP any more', { externalIPs: [] }, three],
      ['another cluster IP', { clusterIP: '10.96.0.9', clusterIPs: ['10.96.0.9'] }, three],
    ];
    for (const [what, change, endpoints] of steps) {
      Object.assign(service.spec, change);
      put(endpoints);
      const { before, after } = index.takeChanges();
      const generation = kernelNftables.generation();
      await t.resolves(kernelNftables.apply(renderDifference(before, after)), what);
      t.equal(kernelNftables.generation(), generation + 1, `${what}: in one transaction`);
    }
  });

  await t.test('a full synchronisation of what is there, and of what is not wanted any more', async (t) => {
    await t.resolves(
      kernelNftables.apply(renderFull(options, index.all(), await kernelNftables.inventory())),
    );
    index.set('it', undefined);
    await t.resolves(
      kernelNftables.apply(renderFull(options, index.all(), await kernelNftables.inventory())),
    );
    const { chains } = await kernelNftables.inventory();
    t.strictSame(
      chains.filter((name) => name.includes('/')),
      [],
    );
  });

  await t.test('a table with the same names and other types is replaced', async (t) => {
    const foreign = 'map ip knarr-proxy node-ports { type ipv4_addr : verdict; }';
    await runCommand('nft', ['-f', '-'], {
      input: `delete table ip knarr-proxy\nadd table ip knarr-proxy\nadd ${foreign}\n`,
    });
    put(['10.244.0.5']);
    const full = renderFull(options, index.all(), await kernelNftables.inventory());
    await t.rejects(kernelNftables.apply(full), { name: 'CommandError' });
    await t.resolves(kernelNftables.apply(renderReplacement(options, index.all())));
  });
}
