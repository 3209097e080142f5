/** The store in a running cluster: a snapshot and its way back, and a disk that is full for a while. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { runCommand } from '../../common/run-command.js';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/until.js';

void t.test('snapshot, disaster, restore; and a full disk', async (t) => {
  const cluster = await TestCluster.prepare();
  const folder = join(cluster.folder, 'data', 'store');
  mkdirSync(folder, { recursive: true });
  await runCommand('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder]);
  t.teardown(async () => {
    await cluster.down();
    await runCommand('umount', [folder]);
    await cluster.purge();
  });
  await cluster.up();
  const kubectl = await cluster.kubectl('v1.35');
  await kubectl.run(['create', 'configmap', 'precious', '--from-literal=a=b']);

  const file = join(cluster.folder, 'cluster.snapshot');
  const taken = await cluster.knarr('store snapshot', file, '--output=json');
  t.equal(taken.exitCode, 0, taken.stderr);
  const { revision } = JSON.parse(taken.stdout) as { revision: number };
  const verified = await cluster.knarr('store verify');
  t.match([verified.exitCode, verified.stdout], [0, /every checksum is right/]);
  t.equal((await cluster.knarr('store verify', file)).exitCode, 0);
  t.match((await cluster.knarr('store status')).stdout, /Condition {2}well/);
  t.match(
    (await cluster.knarr('store restore', file)).stderr,
    /in use by process \d+ on .*apiserver.*main\.js/,
  );

  const filler = join(folder, 'filler');
  await runCommand('sh', ['-c', `dd if=/dev/zero of=${filler} bs=4k 2>/dev/null || true`]);
  for (let i = 0; (await cluster.knarr('status')).exitCode === 0; i++) {
    // What the log has reserved is used up first. kubectl would wait, so that the request is made without it.
    await kubectl.attempt([
      'annotate',
      'configmap',
      'precious',
      '--overwrite',
      `n${i % 3}=${'x'.repeat(50_000)}${i}`,
      '--request-timeout=3s',
    ]);
  }
  const trouble = await cluster.knarr('status');
  t.equal(trouble.exitCode, 1);
  t.match(
    trouble.stderr,
    /the store is in trouble: the disk under .*store is full; writes are refused, reads go on; since/,
  );
  t.match(await kubectl.run(['get', 'configmap', 'precious']), 'precious', 'reads go on');
  rmSync(filler);
  await until(
    'the cluster is well again',
    async () => (await cluster.knarr('status')).exitCode === 0,
    20_000,
  );
  await kubectl.run(['create', 'configmap', 'after-all']);

  await kubectl.run(['delete', 'configmap', 'precious']);
  await cluster.down();
  const refused = await cluster.knarr('store restore', file);
  t.match([refused.exitCode, refused.stderr], [2, /there is a store in/]);
  const old = join(cluster.folder, 'old');
  mkdirSync(old);
  await runCommand('sh', ['-c', `mv ${folder}/* ${old}`]);
  const restored = await cluster.knarr('store restore', file);
  t.equal(restored.exitCode, 0, restored.stderr);
  await cluster.up();
  t.match(await kubectl.run(['get', 'configmap', 'precious', '-o=jsonpath={.data.a}']), 'b');
  const list = JSON.parse(await kubectl.run(['get', '--raw', '/api/v1/configmaps?limit=1'])) as {
    metadata: { resourceVersion: string };
  };
  t.ok(
    Number(list.metadata.resourceVersion) >= revision + 1_000_000_000,
    'revisions went on above those that clients have seen',
  );
});
