/** The Service proxy against the real nftables, with real connections between pods, host and outside. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { runInOwnNamespaces, run, ask, until } from '../support/netns.js';

if (runInOwnNamespaces(import.meta.url)) {
  const { default: t } = await import('tap');
  const { ProxyCluster, untilHealthy, nodeAddress, outsideAddress } =
    await import('../support/proxy-cluster.js');

  const cluster = new ProxyCluster();
  let running = cluster.startProxy();
  t.teardown(async () => {
    await running.stop();
    await cluster.removePods();
  });
  await untilHealthy(running.proxy);
  const one = await cluster.addPod('pod-one');
  const two = await cluster.addPod('pod-two');
  const both = [one.address, two.address];

  /** Who answers, over many connections. */
  const namesOf = async (address: string, port: number, count = 24): Promise<string[]> => {
    const names = new Set<string>();
    for (let i = 0; i < count; i++) names.add((await ask(address, port)).split(' ')[0] ?? '');
    return [...names].sort();
  };

  await cluster.createService('web', {
    clusterIP: '10.96.0.20',
    type: 'NodePort',
    ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }],
  });

  void t.test('refuses at once while there are no endpoints', async (t) => {
    await until('refused', async () => (await ask('10.96.0.20', 80, 500)) === 'ECONNREFUSED');
    const startedAt = performance.now();
    t.equal(await ask('10.96.0.20', 80), 'ECONNREFUSED', 'by the cluster IP');
    t.equal(await ask(nodeAddress, 30080), 'ECONNREFUSED', 'by the node port');
    t.match(await one.namespace.ask('10.96.0.20', 80), /refused/, 'from a pod');
    t.match(await cluster.outside.ask(nodeAddress, 30080), /refused/, 'from outside');
    t.equal(await ask('10.96.7.7', 99), 'ECONNREFUSED', 'an address that no Service has');
    t.ok(performance.now() - startedAt < 1_500, 'and nobody waited');
  });

  void t.test('spreads connections over the endpoints', async (t) => {
    await cluster.setEndpoints('web', both);
    await until('served', async () => (await ask('10.96.0.20', 80)).startsWith('pod-'));
    t.strictSame(await namesOf('10.96.0.20', 80), ['pod-one', 'pod-two'], 'cluster IP from the host');
    t.strictSame(await namesOf(nodeAddress, 30080), ['pod-one', 'pod-two'], 'node port by the node address');
    t.strictSame(await namesOf('127.0.0.1', 30080), ['pod-one', 'pod-two'], 'node port by loopback');
    t.equal(await ask('10.96.0.20', 81), 'ECONNREFUSED', 'a port that the Service does not have');
  });

  void t.test('keeps the source address where it can', async (t) => {
    t.match(
      await cluster.outside.ask(nodeAddress, 30080),
      ` ${outsideAddress}`,
      'a client from outside is seen as itself',
    );
    t.match(
      await one.namespace.ask(two.address, 8080),
      `pod-two ${one.address}`,
      'a pod is seen by another as itself',
    );
  });

  void t.test('lets a pod reach itself and others by the Service, whatever br_netfilter does', async (t) => {
    const path = '/proc/sys/net/bridge/bridge-nf-call-iptables';
    if (existsSync(path))
      t.teardown(() => {
        writeFileSync(path, '0');
      });
    for (const value of ['0', '1']) {
      if (existsSync(path)) writeFileSync(path, value);
      else t.comment('br_netfilter is not in this kernel');
      const answers = new Set<string>();
      for (let i = 0; i < 16; i++) answers.add(await one.namespace.ask('10.96.0.20', 80));
      t.strictSame(
        [...answers].sort(),
        ['pod-one 10.244.0.1', `pod-two ${one.address}`],
        `bridge-nf-call-iptables ${value}`,
      );
    }
  });

  void t.test('translates the source of pods that leave the cluster', async (t) => {
    await cluster.outside.respond(9000);
    t.equal(await one.namespace.ask(outsideAddress, 9000), `outside ${nodeAddress}`);
  });

  void t.test("does not let pods use the bridge to reach the host's loopback", async (t) => {
    const server = createServer((connection) => connection.end('secret')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    t.teardown(() => server.close());
    // What a hostile pod with the right to change its own network can do.
    one.namespace.run('ip', 'link', 'set', 'lo', 'down');
    for (const device of ['all', 'eth0']) {
      one.namespace.run('sh', '-c', `echo 1 >/proc/sys/net/ipv4/conf/${device}/route_localnet`);
    }
    one.namespace.run('ip', 'route', 'add', '127.0.0.0/8', 'via', '10.244.0.1', 'dev', 'eth0');
    t.notMatch(await one.namespace.ask('127.0.0.1', port), 'secret');
    await running.stop();
    run('nft', 'flush', 'chain', 'ip', 'knarr-proxy', 'raw-prerouting');
    t.match(await one.namespace.ask('127.0.0.1', port), 'secret', 'it is the rule that keeps it out');
    running = cluster.startProxy();
    await untilHealthy(running.proxy);
  });

  void t.test('a restart interrupts neither old nor new connections', async (t) => {
    await cluster.createService('echo', { clusterIP: '10.96.0.21' });
    await cluster.setEndpoints('echo', both, [{ port: 8081, protocol: 'TCP' }]);
    await until('served', async () => (await ask('10.96.0.21', 80, 50)) === 'timeout');
    const talk = createConnection({ host: '10.96.0.21', port: 80 });
    t.teardown(() => talk.destroy());
    const echo = async (text: string): Promise<string> => {
      talk.write(text);
      const [answer] = (await once(talk, 'data')) as [Buffer];
      return answer.toString();
    };
    t.equal(await echo('before'), 'before');
    await running.stop();
    t.equal(await echo('between'), 'between');
    t.match(await ask('10.96.0.20', 80), 'pod-', 'without a proxy the rules stay');
    const failures: string[] = [];
    const restart = new AbortController();
    const hammering = (async () => {
      while (!restart.signal.aborted) {
        const answer = await ask('10.96.0.20', 80, 1_000);
        if (!answer.startsWith('pod-')) failures.push(answer);
      }
    })();
    running = cluster.startProxy();
    await untilHealthy(running.proxy);
    restart.abort();
    await hammering;
    t.strictSame(failures, []);
    t.equal(await echo('after'), 'after');
  });

  void t.test('stops sending to an endpoint that is removed, and refuses after the last', async (t) => {
    await cluster.setEndpoints('web', [two.address]);
    await until('only pod-two', async () => (await namesOf('10.96.0.20', 80, 8)).join() === 'pod-two');
    t.strictSame(await namesOf(nodeAddress, 30080), ['pod-two']);
    await cluster.setEndpoints('web', []);
    await until('refused', async () => (await ask('10.96.0.20', 80)) === 'ECONNREFUSED');
    t.equal(await ask(nodeAddress, 30080), 'ECONNREFUSED');
    await cluster.setEndpoints('web', both);
    await until('both again', async () => (await namesOf('10.96.0.20', 80)).length === 2);
  });

  void t.test('moves UDP flows away from an endpoint that is removed', async (t) => {
    const ports = [{ name: 'dns', port: 8080, protocol: 'UDP' as const }];
    await cluster.createService('dns', {
      clusterIP: '10.96.0.10',
      ports: [{ name: 'dns', port: 53, protocol: 'UDP' }],
    });
    await cluster.setEndpoints('dns', [one.address], ports);
    const socket = createSocket('udp4');
    t.teardown(() => socket.close());
    let last = '';
    socket.on('message', (message) => (last = message.toString().split(' ')[0] ?? ''));
    socket.on('error', () => undefined);
    const answeredBy = async (name: string): Promise<void> => {
      await until(`answered by ${name}`, () => {
        socket.send('?', 53, '10.96.0.10');
        return last === name;
      });
    };
    await answeredBy('pod-one');
    await cluster.setEndpoints('dns', [two.address], ports);
    await answeredBy('pod-two');
    t.equal(last, 'pod-two', 'the same socket, which the kernel had bound to pod-one');
  });

  void t.test('keeps a client at its endpoint with session affinity, also over a restart', async (t) => {
    await cluster.createService('sticky', { clusterIP: '10.96.0.30', sessionAffinity: 'ClientIP' });
    await cluster.setEndpoints('sticky', both);
    await until('served', async () => (await ask('10.96.0.30', 80)).startsWith('pod-'));
    const [name, ...others] = await namesOf('10.96.0.30', 80);
    t.strictSame(others, [], 'one endpoint for one client');
    await running.stop();
    running = cluster.startProxy();
    await untilHealthy(running.proxy);
    t.strictSame(await namesOf('10.96.0.30', 80), [name], 'the same after a restart');
  });

  void t.test('policy Local for clients from outside', async (t) => {
    await cluster.createService('local', {
      clusterIP: '10.96.0.40',
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, protocol: 'TCP', nodePort: 30081 }],
    });
    await cluster.setEndpoints('local', [
      { addresses: [one.address], nodeName: 'elsewhere' },
      { addresses: [two.address], nodeName: 'here' },
    ]);
    await until('served', async () => (await ask('10.96.0.40', 80)).startsWith('pod-'));
    t.strictSame(await namesOf(nodeAddress, 30081), ['pod-one', 'pod-two'], 'this node reaches all');
    const answers = new Set<string>();
    for (let i = 0; i < 12; i++) answers.add(await cluster.outside.ask(nodeAddress, 30081));
    t.strictSame([...answers], [`pod-two ${outsideAddress}`], 'outside reaches those of this node');
  });

  void t.test('reaches endpoints on the network of the host, as the apiserver is one', async (t) => {
    const server = createServer((connection) => connection.end('host')).listen(0, '0.0.0.0');
    await once(server, 'listening');
    t.teardown(() => server.close());
    const { port } = server.address() as AddressInfo;
    await cluster.createService('kubernetes', {
      clusterIP: '10.96.0.1',
      type: 'NodePort',
      ports: [{ port: 443, protocol: 'TCP', nodePort: 30443 }],
    });
    await cluster.setEndpoints('kubernetes', [nodeAddress], [{ port, protocol: 'TCP' }]);
    await until('served', async () => (await ask('10.96.0.1', 443)) === 'host');
    t.equal(await one.namespace.ask('10.96.0.1', 443), 'host', 'from a pod');
    t.equal(await ask('127.0.0.1', 30443), 'host', 'by the loopback address');
    t.equal(await ask(nodeAddress, 30443), 'host', 'by the node address');
    t.equal(await cluster.outside.ask(nodeAddress, 30443), 'host', 'from outside');
  });

  void t.test('serves external IPs and survives two Services that claim the same one', async (t) => {
    run('ip', 'route', 'add', '203.0.113.7/32', 'dev', 'knarr0');
    for (const [index, name] of ['claims', 'claims-too'].entries()) {
      await cluster.createService(name, { clusterIP: `10.96.0.5${index}`, externalIPs: ['203.0.113.7'] });
      await cluster.setEndpoints(name, [one.address]);
    }
    await until('served', async () => (await ask('10.96.0.51', 80)).startsWith('pod-one'));
    t.match(await ask('203.0.113.7', 80), 'pod-one');
    running.proxy.checkHealth();
  });

  void t.test('puts everything back after somebody flushed nftables', async (t) => {
    run('nft', 'flush', 'ruleset');
    await until('served', async () => (await ask('10.96.0.20', 80, 500)).startsWith('pod-'));
    t.strictSame(await namesOf('10.96.0.20', 80), ['pod-one', 'pod-two']);
  });
}
