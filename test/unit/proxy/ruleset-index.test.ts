import t from 'tap';
import { computeServiceRules } from '../../../proxy/compute-ruleset.js';
import { renderDifference, renderFull } from '../../../proxy/render-ruleset.js';
import { RulesetIndex } from '../../../proxy/ruleset-index.js';
import { serviceObject, sliceObject } from '../../support/service-objects.js';

const options = { nodeName: 'here', clusterCidr: '10.244.0.0/16' };

function put(
  index: RulesetIndex,
  name: string,
  clusterIP: string,
  endpoints: string[],
  createdAt = '',
): void {
  const service = serviceObject(name, { clusterIP });
  service.metadata.creationTimestamp = createdAt;
  index.set(`default/${name}`, computeServiceRules(service, [sliceObject(name, endpoints)], options));
}

function difference(index: RulesetIndex): string[] {
  const { before, after } = index.takeChanges();
  return renderDifference(before, after).replaceAll('ip knarr-proxy ', '').split('\n').filter(Boolean);
}

void t.test(
  'a change is written as the difference, names before uses and uses before removals',
  async (t) => {
    const index = new RulesetIndex();
    put(index, 'a', '10.96.0.1', ['10.244.0.1']);
    t.strictSame(difference(index), [
      'add chain cluster/default/a/tcp/80',
      'flush chain cluster/default/a/tcp/80',
      'add rule cluster/default/a/tcp/80 ip saddr != 10.244.0.0/16 meta mark set meta mark | 0x4000',
      'add rule cluster/default/a/tcp/80 meta l4proto tcp dnat ip to 10.244.0.1:8080',
      'add element service-addresses { 10.96.0.1 . tcp . 80 : goto cluster/default/a/tcp/80 }',
      'add element self-connections { 10.244.0.1 . 10.244.0.1 }',
    ]);
    t.strictSame(difference(index), [], 'once');

    put(index, 'a', '10.96.0.1', []);
    t.strictSame(difference(index), [
      'delete element service-addresses { 10.96.0.1 . tcp . 80 }',
      'delete element self-connections { 10.244.0.1 . 10.244.0.1 }',
      'add element refused-addresses { 10.96.0.1 . tcp . 80 }',
      'flush chain cluster/default/a/tcp/80',
      'delete chain cluster/default/a/tcp/80',
    ]);

    index.set('default/a', undefined);
    t.strictSame(difference(index), ['delete element refused-addresses { 10.96.0.1 . tcp . 80 }']);
  },
);

void t.test('there and back again is no change', async (t) => {
  const index = new RulesetIndex();
  put(index, 'a', '10.96.0.1', ['10.244.0.1']);
  difference(index);
  put(index, 'a', '10.96.0.1', ['10.244.0.2']);
  put(index, 'a', '10.96.0.1', ['10.244.0.1']);
  t.strictSame(difference(index), []);
});

void t.test('the older of two Services has an address, and the younger takes it over', async (t) => {
  const index = new RulesetIndex();
  put(index, 'younger', '10.96.0.1', ['10.244.0.1'], '2026-01-02T00:00:00Z');
  put(index, 'older', '10.96.0.1', ['10.244.0.1'], '2026-01-01T00:00:00Z');
  const owner = (): string | undefined => index.all().elements.get('addresses 10.96.0.1 . tcp . 80')?.value;
  t.equal(owner(), 'goto cluster/default/older/tcp/80');
  t.strictSame(index.conflicts(), [
    { claim: 'addresses 10.96.0.1 . tcp . 80', winner: 'default/older', loser: 'default/younger' },
  ]);
  index.set('default/older', undefined);
  t.equal(owner(), 'goto cluster/default/younger/tcp/80');
  t.strictSame(index.conflicts(), []);
  t.equal(index.all().elements.size, 2, 'the endpoint that both had is still there');
});

void t.test('a full synchronisation removes what nobody wants and keeps the memory of clients', async (t) => {
  const index = new RulesetIndex();
  const service = serviceObject('a', { clusterIP: '10.96.0.1', sessionAffinity: 'ClientIP' });
  index.set('default/a', computeServiceRules(service, [sliceObject('a', ['10.244.0.1'])], options));
  const kept = [...index.all().affinitySets.keys()];
  const script = renderFull(
    { bridge: 'knarr0', clusterCidr: '10.244.0.0/16', serviceCidr: '10.96.0.0/12' },
    index.all(),
    {
      chains: ['services', 'cluster/default/gone/tcp/80'],
      sets: [...kept, 'clients/old', 'self-connections'],
    },
  );
  t.match(script, 'delete chain ip knarr-proxy cluster/default/gone/tcp/80');
  t.notMatch(script, 'delete chain ip knarr-proxy services');
  t.match(script, 'delete set ip knarr-proxy clients/old');
  t.notMatch(script, 'delete set ip knarr-proxy self-connections');
  t.notMatch(script, `delete set ip knarr-proxy ${kept[0] ?? ''}`);
  t.notMatch(script, 'flush set ip knarr-proxy clients/');
});
