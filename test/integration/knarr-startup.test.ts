/** `knarr startup` as a process, on a real API server whose kubelets are played. */
import { copyFile, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import t from 'tap';
import { tryCommand } from '../../common/run-command.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { knarrProgram } from '../support/cluster.js';
import { playKubelet } from '../support/startup-nodes.js';
import { makeStartupReport } from '../support/startup-reports.js';
import { until } from '../support/until.js';

const fixture = await startFixture();
const folder = t.testdir();
const folders = ['data', 'run', 'log'].map((name) => `--${name}-dir=${join(folder, name)}`);
await mkdir(join(folder, 'data/kubeconfig'), { recursive: true });
await copyFile(fixture.kubeconfig, join(folder, 'data/kubeconfig/admin.kubeconfig'));

const report = (node: string, queued: number) => () =>
  makeStartupReport(node, { atMs: Date.parse('2026-03-01T10:00:00Z'), queued });
const kubelets = {
  alpha: await playKubelet(fixture, 'alpha', report('alpha', 3)),
  older: await playKubelet(fixture, 'older', undefined),
};
t.teardown(() => {
  for (const kubelet of Object.values(kubelets)) kubelet.stop();
});

const startup = (...args: string[]) =>
  tryCommand(process.execPath, [knarrProgram, 'startup', ...folders, ...args]);

await t.test('one node, as a table', async (t) => {
  const { exitCode, stdout } = await startup('alpha');
  t.equal(exitCode, 0);
  t.match(stdout, /^alpha {2}Adaptive, 4 starting, 3 waiting, saturated: \/dev\/sda\n/);
  t.match(stdout, /\n3 +shop\/cart-2 +\/dev\/sda +1m30s +0 +all slots of \/dev\/sda are taken\n/);
  t.notMatch(stdout, '\u001b', 'colours are for terminals');
  t.same(kubelets.alpha.asked, ['/startup'], 'the history is not asked for in vain');
});

await t.test('all nodes as JSON; one that does not answer makes it a failure', async (t) => {
  const { exitCode, stdout } = await startup('--output=json');
  t.equal(exitCode, 1);
  t.match(JSON.parse(stdout), {
    nodes: [
      { node: 'alpha', report: { kind: 'StartupReport', mode: 'Adaptive', queue: [{ place: 1 }, {}, {}] } },
      { node: 'older', error: 'its kubelet does not tell of starts: it may be an older one' },
    ],
  });
});

await t.test('a picture', async (t) => {
  const file = join(folder, 'starts.svg');
  const { exitCode, stdout } = await startup('alpha', `--plot=${file}`);
  t.equal(exitCode, 0);
  t.match(stdout, `Drawn into ${file}`);
  t.match(await readFile(file, 'utf8'), /^<svg .*Starts on alpha/);
  t.ok(kubelets.alpha.asked.includes('/startup?history=true'));
});

await t.test('mistakes', async (t) => {
  for (const [code, words, ...args] of [
    [2, 'there is no node nowhere: there are alpha, older', 'nowhere'],
    [2, 'use one at a time', '--watch', '--plot=x.svg'],
    [2, 'x.svg cannot be written: ENOENT', 'alpha', '--plot=/nonexistent/x.svg'],
    [1, 'there is nothing to draw: no node remembers any start', 'older', '--plot=x.svg'],
  ] as const) {
    const { exitCode, stderr } = await startup(...args);
    t.equal(exitCode, code, args.join(' '));
    t.match(stderr, words);
  }
});

await t.test('watched from another program: lines, until interrupted', async (t) => {
  const child = spawn(process.execPath, [knarrProgram, 'startup', ...folders, '--watch', 'alpha']);
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  await until('two rounds', () => out.split('\n').length > 4, 30_000);
  t.match(out, /Z alpha \/dev\/sda: {2}slots 4\/4 {2}queue 3 {2}/);
  const ended = once(child, 'exit');
  child.kill('SIGINT');
  t.same(await ended, [0, null]);
});

await t.test('no API server, and no cluster', async (t) => {
  await fixture.stop();
  const away = await startup('alpha');
  t.equal(away.exitCode, 1);
  t.match(away.stderr, /^knarr: the API server does not answer: the server at .* cannot be reached/);
  const none = await tryCommand(process.execPath, [
    knarrProgram,
    'startup',
    `--data-dir=${join(folder, 'nothing')}`,
    `--run-dir=${join(folder, 'nothing')}`,
    `--log-dir=${join(folder, 'nothing')}`,
    `--output=json`,
  ]);
  t.equal(none.exitCode, 2);
  t.match(none.stderr, /there is no cluster in .* for you: knarr up makes one/);
});
