/** The pure parts of the command line: what follows from flags, routes, files of the kernel and kubeconfigs. */
import t from 'tap';
import { inspectCgroups } from '../../../cli/checks/cgroups.js';
import { judgeEtcd } from '../../../cli/checks/etcd.js';
import { listeningInode } from '../../../cli/checks/ports.js';
import {
  containerdConfig,
  hasSysResource,
  snapshotterOf,
} from '../../../cli/containerd/containerd-config.js';
import { shimsWithChildren } from '../../../cli/down/own-shims.js';
import { mountsBelow } from '../../../cli/down/purge-cluster.js';
import { personOf, personalKubeconfig } from '../../../cli/host/person.js';
import { etcdAccessOf, etcdFlags, etcdFlagValues } from '../../../cli/etcd-access.js';
import { chooseNodeIp, findRangeCollisions, gatewayOf, parseRoutes } from '../../../cli/host/routes.js';
import { parseImageList } from '../../../cli/images/containerd-images.js';
import { addContext, removeContext } from '../../../cli/kubeconfig/merge-kubeconfig.js';
import { defaultSettings, parseStore, resolveLayout } from '../../../cli/layout.js';
import { processDefinitions } from '../../../cli/processes.js';
import { conflictingFlags, findSettings, parseSettings, writeSettings } from '../../../cli/settings-file.js';
import { parseStat } from '../../../cli/supervisor/process-identity.js';
import { age, alignColumns } from '../../../cli/terminal.js';

const settings = {
  ...defaultSettings,
  nodeName: 'node-1',
  nodeIp: '192.0.2.2',
  kubeconfig: '/root/.kube/config',
};

void t.test('the store', async (t) => {
  t.same(parseStore('embedded'), { backend: 'embedded' });
  t.same(parseStore('etcd=http://a:2379,https://b:2379'), {
    backend: 'etcd',
    servers: ['http://a:2379', 'https://b:2379'],
  });
  for (const wrong of ['', 'etcd', 'etcd=', 'redis=http://a', 'etcd=a:2379', 'etcd=ftp://a']) {
    t.throws(() => parseStore(wrong), RangeError, `'${wrong}'`);
  }
});

void t.test('settings that were remembered are checked', async (t) => {
  t.same(parseSettings(JSON.stringify(settings), 'f'), settings);
  t.throws(() => parseSettings('{', 'f'), { message: /^f is not JSON/ });
  t.throws(() => parseSettings(JSON.stringify({ ...settings, securePort: '6443' }), 'f'), {
    message: 'f: securePort is "6443" and not a number',
  });
  t.same(conflictingFlags({ securePort: 6443, nodeIp: '10.0.0.1' }, settings), ['--node-ip 192.0.2.2']);
});

void t.test('the way to etcd is remembered with the store that it leads to', async (t) => {
  const access = Object.fromEntries(etcdFlags.map(({ key }) => [key, `/${key}`]));
  const [dataDir, runDir] = [t.testdir(), t.testdir()];
  const store = 'etcd=https://a:2379,https://b:2379';
  await writeSettings(resolveLayout({ ...settings, ...access, dataDir, runDir, store }));
  const find = async (
    flags: Parameters<typeof findSettings>[0],
  ): Promise<Readonly<Record<string, unknown>>> => {
    const host = { nodeIp: () => '192.0.2.2', kubeconfig: () => '/k' };
    const found = await findSettings({ dataDir, runDir, ...flags }, host);
    return { store: found.settings.store, ...etcdAccessOf(found.settings) };
  };
  t.same(await find({}), { store, ...access });
  t.same(await find({ store, etcdCafile: '/new' }), { store, ...access, etcdCafile: '/new' });
  t.same(await find({ store: 'embedded' }), { store: 'embedded' });
  const elsewhere = 'etcd=http://c:2379';
  t.same(await find({ store: elsewhere, etcdPrefix: '/p' }), { store: elsewhere, etcdPrefix: '/p' });
  await t.rejects(find({ store: 'embedded', etcdKeyfile: '/k' }), {
    message: '--etcd-keyfile is about etcd, and the store is embedded: add --store etcd=URL[,URL]',
  });
  t.throws(() => parseSettings(JSON.stringify({ ...settings, etcdPrefix: 7 }), 'f'), {
    message: 'f: etcdPrefix is 7 and not a string',
  });
  t.same(conflictingFlags({ etcdCafile: '/ca' }, settings), ['no --etcd-cafile']);
  t.same(etcdFlagValues({ etcdCafile: '/ca', ...settings }), { 'etcd-cafile': '/ca' });
});

void t.test('an etcd of several servers', async (t) => {
  const [a, b] = [{ url: 'https://a:2379' }, { url: 'https://b:2379', problem: 'it is full' }];
  t.match(judgeEtcd({ servers: [a] }), [{ level: 'ok', message: 'https://a:2379 answer' }]);
  t.match(judgeEtcd({ servers: [a, b] }), [{ level: 'warn', message: 'https://b:2379: it is full' }]);
  const down = { ...a, problem: 'no etcd endpoint answers: https://a:2379 (refused)' };
  const judged = judgeEtcd({ servers: [down, b] });
  t.match(judged, [{ level: 'fail', message: down.problem }, { level: 'fail' }]);
  t.equal(judged.length, 2);
});

void t.test('processes get the flags that follow from the layout', async (t) => {
  const sources = { buildDir: '/dist', node: '/node', environment: { HTTPS_PROXY: 'http://p', SECRET: 'x' } };
  const definitions = processDefinitions(
    resolveLayout({ ...settings, store: 'etcd=http://a:2379', etcdCafile: '/ca' }),
    sources,
  );
  const named = (name: string): (typeof definitions)[number] | undefined =>
    definitions.find((definition) => definition.name === name);
  t.ok(named('apiserver')?.args.includes('--etcd-servers=http://a:2379'));
  t.ok(named('apiserver')?.args.includes('--etcd-cafile=/ca'), 'the way to etcd is that of the settings');
  t.notOk(named('apiserver')?.args.some((flag) => flag.startsWith('--data-dir')));
  t.equal(named('containerd')?.environment['HTTPS_PROXY'], 'http://p', 'pulls may need the proxy');
  t.notOk('HTTPS_PROXY' in (named('kubelet')?.environment ?? {}), 'nobody else does');
  t.notOk('SECRET' in (named('containerd')?.environment ?? {}));
  t.ok(named('kubelet')?.args.includes('--container-runtime-endpoint=unix:///run/knarr/containerd.sock'));
  t.ok(
    named('kubelet')?.args.includes('--config-dir=/var/lib/knarr/kubelet.conf.d'),
    'a place for the configuration of the user',
  );
});

const routeTable = [
  'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT',
  'wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0',
  'eth0\t00000000\t010200C0\t0003\t0\t0\t100\t00000000\t0\t0\t0',
  'eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0',
].join('\n');

void t.test('routes decide on the address of the node', async (t) => {
  const routes = parseRoutes(routeTable);
  t.same(
    routes.map(({ destination }) => destination),
    ['0.0.0.0/0', '0.0.0.0/0', '192.0.2.0/24'],
  );
  const addresses = [
    { device: 'wlan0', address: '192.168.1.7' },
    { device: 'eth0', address: '192.0.2.2' },
  ];
  t.equal(chooseNodeIp(routes, addresses, '10.244.0.0/16'), '192.0.2.2', 'the lower metric wins');
  t.equal(chooseNodeIp([], addresses, '10.244.0.0/16'), '10.244.0.1', 'without a default route: the bridge');
  t.equal(gatewayOf('10.96.0.0/12'), '10.96.0.1');
});

void t.test('ranges that the host uses already', async (t) => {
  const ranges = ['10.244.0.0/16', '10.96.0.0/12'];
  const own = (device: string): boolean => device === 'knarr0';
  const find = (destination: string, device = 'tun0'): (boolean | string)[][] =>
    findRangeCollisions(ranges, [{ device, destination, metric: 0 }], [], own).map((one) => [
      one.range,
      one.fatal,
    ]);
  t.same(find('10.100.0.0/16'), [['10.96.0.0/12', true]], 'within');
  t.same(find('10.0.0.0/8'), [
    ['10.244.0.0/16', false],
    ['10.96.0.0/12', false],
  ]);
  t.same(find('10.244.0.0/16', 'knarr0'), [], 'our own');
  t.same(find('0.0.0.0/0'), [], 'the default route');
  t.same(find('192.168.0.0/16'), []);
  const address = findRangeCollisions(ranges, [], [{ device: 'eth1', address: '10.96.0.5' }], own);
  t.equal(address[0]?.with, 'address 10.96.0.5 of eth1');
});

void t.test('cgroups: v1, hybrid, v2', async (t) => {
  const controllers = ['#subsys_name\thierarchy\tnum_cgroups\tenabled'].concat(
    ['cpuset', 'cpu', 'memory', 'pids'].map((name) => `${name}\t1\t1\t1`),
  );
  const v1 = ['cpuset', 'cpu,cpuacct', 'memory', 'pids'].map(
    (options) => `cgroup /sys/fs/cgroup/${options} cgroup rw,${options} 0 0`,
  );
  const facts = (mounts: string[], unified?: string): Parameters<typeof inspectCgroups>[0] => ({
    mounts: mounts.join('\n'),
    controllers: controllers.join('\n'),
    unifiedControllers: unified,
  });
  t.same(inspectCgroups(facts(v1)), { version: 'v1', missing: [] });
  t.same(inspectCgroups(facts([...v1, 'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0'])).version, 'hybrid');
  t.same(inspectCgroups(facts(v1.slice(1))).missing, ['cpuset']);
  const v2 = ['cgroup2 /sys/fs/cgroup cgroup2 rw 0 0'];
  t.same(inspectCgroups(facts(v2, 'cpuset cpu io memory pids')), { version: 'v2', missing: [] });
  t.same(inspectCgroups(facts(v2, 'cpu io pids')).missing, ['memory', 'cpuset']);
  t.equal(inspectCgroups(facts([])).version, 'none');
});

void t.test('files of the kernel', async (t) => {
  t.same(parseStat(`7 (a) b) S 1 7 7 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 4242 0`), {
    state: 'S',
    startTicks: 4242,
  });
  const tcp = '  sl  local_address\n   0: 0100007F:192B 00000000:0000 0A 0:0 00:0 0 0 0 9876 1\n';
  t.equal(listeningInode(tcp, 6443), '9876');
  t.equal(listeningInode(tcp, 6444), undefined);
  t.equal(hasSysResource('CapEff:\t0000003fffffffff\n'), true);
  t.equal(hasSysResource('CapEff:\t0000003ffeffffff\n'), false);
  const mounts = 'tmpfs /run/knarr/a tmpfs rw 0 0\nx /run/knarr/a/b\\040c x rw 0 0\ny /run/knarr2 y rw 0 0\n';
  t.same(mountsBelow(mounts, ['/run/knarr']), ['/run/knarr/a/b c', '/run/knarr/a'], 'innermost first');
});

void t.test('only our own shims, with what is below them', async (t) => {
  const shim = (pid: number, socket: string): Parameters<typeof shimsWithChildren>[0][number] => ({
    pid,
    parentPid: 1,
    command: ['/usr/bin/containerd-shim-runc-v2', '-namespace', 'k8s.io', '-address', socket],
  });
  const child = (pid: number, parentPid: number): Parameters<typeof shimsWithChildren>[0][number] => ({
    pid,
    parentPid,
    command: ['sh'],
  });
  const all = [child(9, 8), shim(2, '/ours'), shim(3, '/docker'), child(4, 2), child(5, 3), child(8, 4)];
  t.same(
    shimsWithChildren(all, '/ours').map(({ pid }) => pid),
    [2, 4, 8, 9],
  );
});

void t.test('the configuration of containerd', async (t) => {
  const base = {
    root: '/r "x"',
    state: '/s',
    socket: '/c.sock',
    runcRoot: '/runc',
    cniBinDir: '/bin',
    cniConfDir: '/conf',
    registryConfigPath: '/reg',
    restrictOomScoreAdj: true,
  };
  const text = containerdConfig({ ...base, snapshotter: 'native' });
  t.match(text, 'root = "/r \\"x\\""', 'text is quoted');
  t.match(text, 'restrict_oom_score_adj = true');
  t.equal(snapshotterOf(text), 'native');
  t.equal(snapshotterOf(containerdConfig({ ...base, snapshotter: 'overlayfs' })), 'overlayfs');
});

const source = {
  name: 'knarr',
  server: 'https://127.0.0.1:6443',
  authority: 'CA',
  client: { certificate: 'CERT', privateKey: 'KEY' },
};

void t.test('a kubeconfig with other contexts', async (t) => {
  const others = `# mine
apiVersion: v1
kind: Config
clusters:
- name: work # keep
  cluster: {server: https://work}
users: null
contexts:
- {name: work, context: {cluster: work, user: me}}
current-context: work
`;
  const merged = addContext(others, source, 'f');
  t.match(merged, '# mine');
  t.match(merged, 'name: work # keep');
  t.match(merged, 'current-context: knarr');
  t.equal(addContext(merged, source, 'f'), merged, 'adding again changes nothing');
  const removed = removeContext(merged, 'knarr', 'f') ?? '';
  t.match(removed, 'name: work # keep');
  t.notMatch(removed, 'knarr');
  t.equal(
    removeContext(addContext('', source, 'f'), 'knarr', 'f'),
    undefined,
    'nothing is left of an own file',
  );
  t.throws(() => addContext('- 1', source, 'f'), { message: /f is not a kubeconfig/ });
  t.throws(() => addContext('a: [', source, 'f'), { message: /^f is not valid YAML/ });
});

void t.test('with sudo, files belong to the person', async (t) => {
  const passwd = 'root:x:0:0::/root:/bin/sh\nann:x:1000:1000:Ann:/home/ann:/bin/sh\n';
  const sudo = { SUDO_USER: 'ann', SUDO_UID: '1000', SUDO_GID: '1000', HOME: '/root' };
  const person = personOf(sudo, passwd);
  t.same(person, { home: '/home/ann', owner: { uid: 1000, gid: 1000 } });
  t.equal(personalKubeconfig(sudo, person), '/home/ann/.kube/config');
  t.equal(personalKubeconfig({ KUBECONFIG: '/a:/b' }, person), '/a');
  t.equal(personOf({ HOME: '/root' }, passwd).owner, undefined);
});

void t.test('tables', async (t) => {
  t.same(
    alignColumns([
      ['A', 'B'],
      ['long', 'x'],
    ]),
    ['A      B', 'long   x'],
  );
  t.same(
    [5, 65, 3600, 90_000].map((seconds) => age(seconds * 1000)),
    ['5s', '1m5s', '1h', '1d1h'],
  );
  const list = `REF TYPE DIGEST SIZE PLATFORMS LABELS
localhost/knarr/web:1 application/x sha256:${'a'.repeat(64)} 2.0 MiB linux/amd64 -
sha256:${'b'.repeat(64)} application/x sha256:${'a'.repeat(64)} 2.0 MiB linux/amd64 -
`;
  t.same(parseImageList(list), [
    {
      name: 'localhost/knarr/web:1',
      digest: `sha256:${'a'.repeat(64)}`,
      size: '2.0 MiB',
      platforms: ['linux/amd64'],
    },
  ]);
});
