/** The CNI plugins in real network namespaces: what they build, undo, and do when parts fail. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runInOwnNamespaces, run, TestNamespace } from '../support/netns.js';

if (runInOwnNamespaces(import.meta.url)) {
  const { default: t } = await import('tap');
  const { PluginFolder } = await import('../support/cni-runner.js');

  const plugins = new PluginFolder({ usesDaemon: true });
  await plugins.startDaemon();
  t.teardown(async () => {
    await plugins.stopDaemon();
    plugins.remove();
  });

  const config = (ipam: object = {}, more: object = {}): string =>
    JSON.stringify({
      cniVersion: '1.1.0',
      name: 'knarr',
      type: 'bridge',
      bridge: 'knarr0',
      isGateway: true,
      ipam: { type: 'host-local', subnet: '10.244.0.0/24', dataDir: plugins.ipamFolder, ...ipam },
      ...more,
    });
  const call = (command: string, namespace: TestNamespace, text = config(), plugin = 'bridge') =>
    plugins.run(
      plugin,
      {
        CNI_COMMAND: command,
        CNI_CONTAINERID: namespace.name,
        CNI_NETNS: namespace.path,
        CNI_IFNAME: 'eth0',
      },
      text,
    );
  const reservations = (network = 'knarr'): string[] =>
    readdirSync(join(plugins.ipamFolder, network)).filter((name) => /^\d/.test(name));
  const hostDevices = (): string[] =>
    (JSON.parse(run('ip', '-json', 'link', 'show', 'type', 'veth')) as { ifname: string }[]).map(
      (l) => l.ifname,
    );
  const addressOf = (json: Record<string, unknown>): string =>
    (json['ips'] as { address: string }[])[0]?.address ?? '';

  const a = new TestNamespace('cni-a');
  const b = new TestNamespace('cni-b');
  t.teardown(async () => {
    await a.remove();
    await b.remove();
  });

  await t.test('builds a cable, an address and a way out', async (t) => {
    const { json } = await call('ADD', a);
    t.equal(addressOf(json), '10.244.0.2/32');
    const [device] = JSON.parse(a.run('ip', '-json', 'address', 'show', 'dev', 'eth0')) as [
      { address: string; mtu: number; addr_info: { local: string; prefixlen: number }[] },
    ];
    t.equal(device.address, '0a:58:0a:f4:00:02', 'a MAC that follows from the address');
    t.equal(device.mtu, 1500);
    t.match(device.addr_info, [{ local: '10.244.0.2', prefixlen: 32 }]);
    t.match(a.run('ip', 'route'), /default via 10\.244\.0\.1 dev eth0/);
    t.match(
      run('ip', 'address', 'show', 'dev', 'knarr0'),
      /10\.244\.0\.1\/24/,
      'the gateway is on the bridge',
    );
    t.match(
      run('ip', 'link', 'show', 'dev', 'knarr0'),
      /0a:58:0a:f4:00:01/,
      'the MAC of the bridge is pinned',
    );
    t.equal(readFileSync('/proc/sys/net/ipv4/ip_forward', 'utf8').trim(), '1');
    await call('ADD', b);
    await b.respond(8080);
    t.equal(await a.ask('10.244.0.3', 8080), 'cni-b 10.244.0.2', 'pods reach each other');
  });

  await t.test('CHECK sees what is missing', async (t) => {
    const prevResult = { cniVersion: '1.1.0', ips: [{ address: '10.244.0.2/32' }] };
    const check = async (): Promise<unknown> =>
      (await call('CHECK', a, config({}, { prevResult }))).json['msg'];
    t.equal(await check(), undefined);
    a.run('ip', 'route', 'delete', 'default');
    t.match(await check(), /route/);
    a.run('ip', 'address', 'flush', 'dev', 'eth0');
    t.match(await check(), /10\.244\.0\.2/);
    await call('DEL', a);
    t.match(await check(), /holds no address/);
  });

  await t.test('leaves nothing behind when it fails half-way', async (t) => {
    const before = { addresses: reservations(), devices: hostDevices() };
    const taken = await call('ADD', b);
    t.equal(taken.json['code'], 11, 'the container holds an address already');
    const other = new TestNamespace('cni-taken');
    t.teardown(() => other.remove());
    other.run('ip', 'link', 'add', 'eth0', 'type', 'bridge');
    t.match((await call('ADD', other)).json, { code: 100, msg: /kernel refused/ }, 'the name is taken');
    const gone = await plugins.run(
      'bridge',
      { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'x', CNI_NETNS: '/run/netns/none', CNI_IFNAME: 'eth0' },
      config(),
    );
    t.equal(gone.json['code'], 3, 'there is no such namespace');
    const file = await plugins.run(
      'bridge',
      { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'x', CNI_NETNS: '/etc/hostname', CNI_IFNAME: 'eth0' },
      config(),
    );
    t.equal(file.json['code'], 100, 'a file is not a namespace');
    t.match((await call('ADD', other, config({ routes: [{ dst: '10.0.0.0/8', gw: '1.2.3.4' }] }))).json, {
      code: 100,
    });
    t.strictSame({ addresses: reservations(), devices: hostDevices() }, before);
  });

  await t.test('says when the range is exhausted, and not before', async (t) => {
    const small = config({ subnet: '10.245.0.0/29', dataDir: plugins.ipamFolder }, { name: 'small' });
    const ipamCall = (command: string, id: number) =>
      plugins.run(
        'host-local',
        { CNI_COMMAND: command, CNI_CONTAINERID: `c${id}`, CNI_NETNS: '/x', CNI_IFNAME: 'eth0' },
        small,
      );
    const given = await Promise.all([1, 2, 3, 4, 5].map((id) => ipamCall('ADD', id)));
    t.strictSame(
      given.map(({ json }) => addressOf(json)).sort(),
      [2, 3, 4, 5, 6].map((last) => `10.245.0.${last}/29`),
      'all but network, gateway and broadcast',
    );
    t.match((await ipamCall('ADD', 6)).json, {
      code: 101,
      msg: /no free address.*small.*10\.245\.0\.1-10\.245\.0\.6/,
    });
    const status = await plugins.run('bridge', { CNI_COMMAND: 'STATUS' }, small);
    t.equal(status.json['code'], 50);
    await ipamCall('DEL', 3);
    t.equal((await ipamCall('ADD', 6)).exitCode, 0);
  });

  await t.test('GC removes what belongs to nobody', async (t) => {
    const stray = new TestNamespace('cni-stray');
    t.teardown(() => stray.remove());
    await call('ADD', stray);
    t.equal(hostDevices().length, 2);
    const valid = { 'cni.dev/valid-attachments': [{ containerID: 'cni-b', ifname: 'eth0' }] };
    const { exitCode, stdout } = await plugins.run('bridge', { CNI_COMMAND: 'GC' }, config({}, valid));
    t.equal(exitCode, 0, stdout);
    t.equal(hostDevices().length, 1);
    t.strictSame(reservations(), ['10.244.0.3']);
  });

  await t.test('executes an IPAM plugin that is not its own', async (t) => {
    const bin = join(plugins.folder, 'bin');
    copyFileSync(join(bin, 'host-local'), join(bin, 'third-party'));
    const other = new TestNamespace('cni-third');
    t.teardown(() => other.remove());
    const text = config({ type: 'third-party' });
    const { json } = await call('ADD', other, text);
    t.match(addressOf(json), /^10\.244\.0\.\d+\/32$/);
    t.equal((await call('DEL', other, text)).exitCode, 0);
    writeFileSync(join(bin, 'failing'), `#!/bin/sh\necho '{"code":123,"msg":"not today"}'\nexit 1\n`);
    chmodSync(join(bin, 'failing'), 0o755);
    const failed = await call('ADD', other, config({ type: 'failing' }));
    t.match(failed.json, { code: 123, msg: 'not today' }, 'its error is passed on');
  });

  await t.test('without the daemon each call runs alone, on the same addresses', async (t) => {
    await plugins.stopDaemon();
    plugins.forgetFallbacks();
    const other = new TestNamespace('cni-alone');
    t.teardown(() => other.remove());
    const added = await call('ADD', other);
    t.equal(added.exitCode, 0, added.stdout);
    t.equal(plugins.fallbacks(), 1);
    await plugins.startDaemon();
    t.equal((await call('DEL', other)).exitCode, 0, 'and the daemon undoes what it did');
    t.strictSame(reservations(), ['10.244.0.3']);
    t.equal(plugins.fallbacks(), 0);
  });

  await t.test('a daemon that took the call is not bypassed', async (t) => {
    await plugins.stopDaemon();
    plugins.forgetFallbacks();
    // Takes every call and ends it without an answer, as a daemon that is killed meanwhile.
    const mute = createServer((connection) => {
      connection.resume().on('end', () => connection.end());
    }).listen(plugins.socketPath);
    await once(mute, 'listening');
    const other = new TestNamespace('cni-mute');
    t.teardown(() => other.remove());
    t.match(await call('ADD', other), { exitCode: 1, json: { code: 11 } });
    t.equal(plugins.fallbacks(), 0);
    mute.close();
    await once(mute, 'close');
  });

  await t.test('a daemon that was killed leaves a socket that the next one takes over', async (t) => {
    const main = fileURLToPath(new URL('../../cni-plugins/daemon/main.js', import.meta.url));
    const start = async () => {
      const daemon = spawn(process.execPath, [main, '--socket', plugins.socketPath], {
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      await once(daemon.stderr, 'data');
      return daemon;
    };
    const first = await start();
    const second = spawn(process.execPath, [main, '--socket', plugins.socketPath], { stdio: 'ignore' });
    t.strictSame(await once(second, 'exit'), [2, null], 'one that lives is left alone');
    first.kill('SIGKILL');
    await once(first, 'exit');
    const third = await start();
    plugins.forgetFallbacks();
    t.equal((await call('DEL', b)).exitCode, 0);
    t.equal(plugins.fallbacks(), 0);
    third.kill('SIGTERM');
    t.strictSame(await once(third, 'exit'), [0, null]);
    t.strictSame(reservations(), []);
    t.strictSame(hostDevices(), []);
  });
}
