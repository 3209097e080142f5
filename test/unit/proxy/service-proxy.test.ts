import { Registry } from 'prom-client';
import t from 'tap';
import type { Test } from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { endpointSlices, services } from '../../../api/resources.js';
import { createInformerFactory } from '../../../client/informer.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { createProxyMetrics } from '../../../proxy/metrics.js';
import type { Nftables } from '../../../proxy/nftables.js';
import { ServiceProxy } from '../../../proxy/service-proxy.js';
import { serviceObject, sliceObject } from '../../support/service-objects.js';

/** The in-memory twin of the kernel: remembers scripts, and refuses them when told to. */
class RecordingNftables implements Nftables {
  readonly scripts: string[] = [];
  refuses = false;
  /** Called once, right after the next script was applied. */
  afterApply: (() => void) | undefined;
  #generation = 1;

  async apply(script: string): Promise<void> {
    if (this.refuses) throw new Error('refused');
    this.#generation++;
    this.scripts.push(script);
    const { afterApply } = this;
    this.afterApply = undefined;
    afterApply?.();
    return Promise.resolve();
  }

  async inventory(): Promise<{ chains: string[]; sets: string[] }> {
    return Promise.resolve({ chains: [], sets: [] });
  }

  generation(): number {
    return this.#generation;
  }

  changedByOthers(): void {
    this.#generation++;
  }

  get kinds(): string[] {
    return this.scripts.map((script) => (script.startsWith('add table') ? 'full' : 'partial'));
  }
}

/** Lets informers and the proxy do what is ready to be done. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function start(t: Test): Promise<{
  clock: ManualClock;
  nftables: RecordingNftables;
  client: ReturnType<typeof createMemoryClient>;
  proxy: ServiceProxy;
  hostCalls: () => number;
}> {
  const clock = new ManualClock();
  const nftables = new RecordingNftables();
  const client = createMemoryClient({ clock });
  const abort = new AbortController();
  const informers = createInformerFactory({ client, log: silentLogger, clock });
  let hostCalls = 0;
  const proxy = new ServiceProxy({
    nodeName: 'here',
    bridge: 'knarr0',
    clusterCidr: '10.244.0.0/16',
    serviceCidr: '10.96.0.0/12',
    informers,
    nftables,
    ensureHost: async () => {
      hostCalls++;
      return Promise.resolve();
    },
    forgetStaleFlows: () => 0,
    metrics: createProxyMetrics(new Registry(), clock),
    clock,
    log: silentLogger,
  });
  const ended = Promise.all([informers.run(abort.signal), proxy.run(abort.signal)]);
  t.teardown(async () => {
    abort.abort();
    await ended;
  });
  await settle();
  return { clock, nftables, client, proxy, hostCalls: () => hostCalls };
}

void t.test('gives everything once, then differences', async (t) => {
  const { clock, nftables, client, proxy } = await start(t);
  t.strictSame(nftables.kinds, ['full']);
  proxy.checkHealth();
  clock.advance(100);
  await client.resource(services).create(serviceObject('web', { clusterIP: '10.96.0.1' }));
  await settle();
  clock.advance(100);
  await settle();
  t.match(nftables.scripts[1], 'add element ip knarr-proxy refused-addresses { 10.96.0.1 . tcp . 80 }');
  await client.resource(endpointSlices).create(sliceObject('web', ['10.244.0.5']));
  await settle();
  clock.advance(100);
  await settle();
  t.match(nftables.scripts[2], 'delete element ip knarr-proxy refused-addresses { 10.96.0.1 . tcp . 80 }');
  await client.resource(services).delete({ namespace: 'default', name: 'web' });
  await settle();
  clock.advance(100);
  await settle();
  t.match(nftables.scripts[3], 'delete chain ip knarr-proxy cluster/default/web/tcp/80');
  t.strictSame(nftables.kinds, ['full', 'partial', 'partial', 'partial']);
});

void t.test('after a refusal gives everything again, and says so meanwhile', async (t) => {
  const { clock, nftables, client, proxy } = await start(t);
  nftables.refuses = true;
  await client.resource(services).create(serviceObject('web', { clusterIP: '10.96.0.1' }));
  clock.advance(100);
  await settle();
  t.throws(() => {
    proxy.checkHealth();
  }, /refused/);
  nftables.refuses = false;
  clock.advance(2_000);
  await settle();
  proxy.checkHealth();
  t.strictSame(nftables.kinds, ['full', 'full']);
  t.match(nftables.scripts[1], '10.96.0.1 . tcp . 80');
});

void t.test('gives everything again after somebody else changed nftables, and only then', async (t) => {
  const { clock, nftables, hostCalls } = await start(t);
  clock.advance(30_000);
  await settle();
  t.strictSame(nftables.kinds, ['full'], 'nobody changed anything');
  t.equal(hostCalls(), 2, 'bridge and routes are looked after too');
  nftables.changedByOthers();
  clock.advance(30_000);
  await settle();
  t.strictSame(nftables.kinds, ['full', 'full']);
});

void t.test('sees a change by others that came right after its own', async (t) => {
  const { clock, nftables } = await start(t);
  nftables.changedByOthers();
  nftables.afterApply = () => {
    nftables.changedByOthers();
  };
  clock.advance(30_000);
  await settle();
  t.strictSame(nftables.kinds, ['full', 'full'], 'what others did last is not known yet');
  clock.advance(30_000);
  await settle();
  t.strictSame(nftables.kinds, ['full', 'full', 'full']);
  clock.advance(30_000);
  await settle();
  t.strictSame(nftables.kinds, ['full', 'full', 'full'], 'and then there is peace');
});
