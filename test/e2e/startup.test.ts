/**
 * I/O-aware startup, the real thing: twelve pods on a disk that is so slow that all at once would outlive their deadline.
 * The same with more pods, slower disks and worse days is `npm run bench -- storm`.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test as Tap } from 'tap';
import type { Event, Pod } from '../../api/generated/core-v1.js';
import { pods as podResource, priorityClasses } from '../../api/resources.js';
import { readStartupReport } from '../../api/read-startup-report.js';
import { PodWatch } from '../bench/pod-watch.js';
import { StormDisk } from '../bench/storm/storm-disk.js';
import { mebibyte, podOf, stormPods } from '../bench/storm/storm-pod.js';
import { missingForThrottle } from '../faults/small-disk.js';
import { TestCluster } from '../support/cluster.js';
import { until } from '../support/until.js';

const patienceMs = 90_000;
const important = 'important';

const missing = missingForThrottle();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else await t.test('twelve pods on a slow disk', startsInOrder);

async function startsInOrder(t: Tap): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-startup-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const disk = await StormDisk.make(folder);
  t.teardown(() => disk.remove());
  const cluster = await TestCluster.prepare();
  t.teardown(() => cluster.purge());
  await cluster.up();
  const kubectl = await cluster.kubectl('v1.35');
  const watch = await PodWatch.start(cluster.kubeconfig);
  t.teardown(() => watch.stop());
  t.teardown(() => {
    disk.throttle(undefined);
  });

  // 96 MiB over 8 MiB a second: all at once, each would read for twelve seconds.
  const how = { megabytes: 8, deadlineSeconds: 9 };
  const plain = stormPods(6, { ...how, name: 'plain' });
  const first = stormPods(12, { ...how, name: 'important', priorityClassName: important }).slice(6);
  await disk.prepare([...plain, ...first]);
  disk.throttle(8 * mebibyte);
  await watch.client.resource(priorityClasses).create({
    apiVersion: 'scheduling.k8s.io/v1',
    kind: 'PriorityClass',
    metadata: { name: important },
    value: 1000,
  });
  for (const pod of [...plain, ...first])
    await watch.client.resource(podResource).create(podOf(pod, disk.folders));
  await until(
    'the queue is told of',
    async () => {
      const node = (await kubectl.run(['get', 'nodes', '-o', 'name'])).trim().replace('node/', '');
      const text = await kubectl.run(['get', '--raw', `/api/v1/nodes/${node}/proxy/startup`]);
      const { queue, starts } = readStartupReport(JSON.parse(text) as unknown);
      return queue.length > 0 && starts.length > 0 && starts.length < 12;
    },
    patienceMs,
  );
  const names = [...plain, ...first].map(({ name }) => name);
  await Promise.all(names.map((name) => watch.when(name, 'readyMs')));

  t.equal(
    names.reduce((sum, name) => sum + watch.seen(name).ended.size, 0),
    0,
    'nobody was killed',
  );
  const ran = (name: string): number => watch.seen(name).runningMs ?? Infinity;
  const lastImportant = Math.max(...first.map(({ name }) => ran(name)));
  const before = plain.filter(({ name }) => ran(name) < lastImportant).map(({ name }) => name);
  // The first slots were free when the plain ones came, and what is admitted together starts in any order.
  t.ok(before.length <= 4, `plain pods that ran before the last important one: ${before.join(', ')}`);

  const { items } = await kubectl.json<{ items: Pod[] }>(['get', 'pods']);
  for (const { metadata, status } of items) {
    const admitted = status.conditions?.find(({ type }) => type === 'StartupAdmitted');
    t.match(admitted, { status: 'True', reason: 'Admitted' }, metadata.name);
  }
  const events = (await kubectl.json<{ items: Event[] }>(['get', 'events'])).items;
  for (const reason of ['StartupQueued', 'StartupAdmitted'])
    t.ok(
      events.some((event) => event.reason === reason),
      reason,
    );
}
