/** What `./knarr` says when something is wrong: one clear line, a non-zero exit code, and nothing left behind. */
import { existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../common/paths.js';
import { runCommand, tryCommand } from '../../common/run-command.js';
import { knarrProgram, TestCluster } from '../support/cluster.js';

const knarr = (...args: string[]): ReturnType<typeof tryCommand> =>
  tryCommand(process.execPath, [knarrProgram, ...args]);

void t.test('wrong flags', async (t) => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['frobnicate'], /unknown command 'frobnicate'/],
    [['up', '--frobnicate'], /unknown option '--frobnicate'/],
    [['up', '--secure-port', '99999'], /A port is at most 65535/],
    [['up', '--store', 'mysql'], /the store is 'embedded' or 'etcd=URL/],
    [['up', '--store', 'etcd=localhost'], /'localhost' is not the URL of an etcd server/],
    [['up', '--cluster-cidr', '10.244.0.0'], /Write a range of IPv4 addresses/],
    [['up', '--nodes', '3'], /one node on a machine/],
    [['status', '--output', 'xml'], /Allowed choices are text, json/],
    [['logs', 'nobody'], /there is no process nobody; there are supervisor, containerd/],
  ];
  for (const [args, message] of cases) {
    const result = await knarr(...args);
    t.equal(result.exitCode, 2, args.join(' '));
    t.match(result.stderr, message);
  }
});

void t.test('without root', async (t) => {
  for (const command of ['up', 'down', 'status', 'image ls']) {
    const result = await tryCommand('setpriv', [
      '--reuid=65534',
      '--regid=65534',
      '--clear-groups',
      process.execPath,
      knarrProgram,
      ...command.split(' '),
    ]);
    t.equal(result.exitCode, 2, command);
    t.match(result.stderr.trim(), /^knarr: .*with sudo$/, 'one line that says how to mend it');
  }
});

void t.test('a port in use, and an address range in use', async (t) => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const cluster = await TestCluster.prepare();
  t.teardown(() => cluster.purge());
  const busy = await cluster.knarr('up', `--kubelet-port=${port}`);
  t.equal(busy.exitCode, 2);
  t.match(busy.stderr, `port ${port}, which the kubelet needs, is in use by`);
  t.match(busy.stderr, `(process ${process.pid})`);
  t.match(busy.stderr, '--kubelet-port');
  const range = await cluster.knarr('up', '--service-cluster-ip-range=127.0.0.0/8');
  t.equal(range.exitCode, 2);
  t.match(range.stderr, 'the range 127.0.0.0/8 collides with the address 127.0.0.1 of lo');
  for (const folder of ['data', 'run', 'log']) {
    t.notOk(existsSync(join(cluster.folder, folder)), `no ${folder} folder was made`);
  }
  const doctor = await cluster.knarr('doctor', `--kubelet-port=${port}`, '--output=json');
  t.equal(doctor.exitCode, 1);
  const report = JSON.parse(doctor.stdout) as { ok: boolean; checks: { name: string; level: string }[] };
  t.same(
    report.checks.filter(({ level }) => level === 'fail').map(({ name }) => name),
    ['ports'],
  );
});

void t.test('a damaged image is refused with what is wrong', async (t) => {
  const result = await knarr('image', 'load', '/nonexistent', `--run-dir=${t.testdir()}`);
  t.equal(result.exitCode, 2);
  t.match(result.stderr, 'containerd is not running: start Knarr with knarr up');
});

void t.test(
  'the launcher works from any folder, through a symbolic link, and says what is missing',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'knarr launcher '));
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    const launcher = join(packageRoot(), 'knarr');
    const link = join(folder, 'a link');
    symlinkSync(launcher, link);
    t.match(await runCommand(link, ['--version'], { cwd: '/', timeoutMs: 300_000 }), /^\d+\.\d+\.\d+\n$/);
    const empty = await tryCommand('/bin/sh', [launcher, 'up'], { env: { PATH: folder }, cwd: '/' });
    t.equal(empty.exitCode, 2);
    t.match(empty.stderr, /^knarr: Node\.js 20 or newer is needed and there is no node in \$PATH/m);
  },
);
