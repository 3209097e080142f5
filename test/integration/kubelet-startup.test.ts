/**
 * The startup gate in front of a real containerd: never more than two of ten pods start at once, and a kubelet that is
 * killed in the middle loses none, starts none twice, and goes on in the order in which they waited.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { findCondition } from '../../api/pod-helpers.js';
import { pods } from '../../api/resources.js';
import { createRestClient } from '../../client/rest-client.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { missingForContainerd, startContainerd } from '../support/containerd.js';
import { isReady, until } from '../support/kubelet.js';
import { KubeletVictim } from '../support/kubelet-victim.js';
import { runInOwnNamespaces } from '../support/netns.js';

const limit = 2;
const names = Array.from({ length: 10 }, (_, index) => `pod-${String(index)}`);
const timeoutMs = 120_000;

t.setTimeout(300_000);
const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url))
  await t.test('ten pods, two at a time, and a kubelet that is killed in the middle', testGate);

async function testGate(t: Test): Promise<void> {
  const containerd = await startContainerd();
  const api = await startFixture();
  const folder = mkdtempSync(join(tmpdir(), 'knarr-startup-'));
  const shared = join(folder, 'shared');
  mkdirSync(shared);
  const diary = join(shared, 'diary');
  writeFileSync(diary, '');
  /** While it is there nobody gets ready. */
  const hold = join(shared, 'hold');
  const client = createRestClient({ connection: { kubeconfig: api.kubeconfig }, userAgent: 'test' });
  const kubelet = new KubeletVictim([
    await api.pki.kubeconfig('kubelet', api.url),
    containerd.endpoint,
    containerd.cgroupRoot,
    join(folder, 'node'),
    JSON.stringify({ startupIO: { mode: 'Fixed', fixedLimit: limit } }),
  ]);
  t.teardown(async () => {
    await kubelet.kill();
    await client.close();
    await api.stop();
    await containerd.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const podClient = client.resource(pods);
  const all = async (): Promise<readonly Pod[]> => (await podClient.list({ namespace: 'default' })).items;
  /** What the containers wrote, in the order in which it happened: `start pod-1`, `ready pod-1`. */
  const entries = (): readonly string[] => readFileSync(diary, 'utf8').trim().split('\n');
  const written = (word: string): readonly string[] =>
    entries().flatMap((entry) => (entry.startsWith(`${word} `) ? [entry.slice(word.length + 1)] : []));

  await until(
    async () => ((await api.request('GET', '/api/v1/namespaces/default')).status === 200 ? true : undefined),
    () => 'no default namespace',
  );
  await kubelet.start();
  await Promise.all(
    names.map((name) =>
      podClient.create({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { name, namespace: 'default' },
        spec: {
          nodeName: 'node-1',
          terminationGracePeriodSeconds: 0,
          volumes: [{ name: 'shared', hostPath: { path: shared } }],
          containers: [
            {
              name: 'main',
              image: 'localhost/knarr/web:1',
              command: ['/bin/sh', '-c', script(name)],
              readinessProbe: { exec: { command: ['/bin/test', '-f', '/ready'] }, periodSeconds: 1 },
              volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
            },
          ],
        },
      }),
    ),
  );
  await until(
    () => (written('ready').length > 0 ? true : undefined),
    () => 'nobody is ready',
    timeoutMs,
  );
  // Two that run and get no further: no call to the runtime is under way when the kubelet is killed.
  writeFileSync(hold, '');
  const heldSinceMs = Date.now();
  const waiting = await until(
    async () => {
      // Who looked for the file just before it was there goes on: not within its first second.
      if (Date.now() - heldSinceMs < 1000) return undefined;
      const starting = written('start').filter((name) => !written('ready').includes(name));
      const found = await all();
      const running = found.filter(
        ({ metadata: { name }, status }) => status.phase === 'Running' && starting.includes(name),
      );
      return running.length === limit
        ? found.filter(({ status }) => admission(status)?.status === 'False')
        : undefined;
    },
    async () => JSON.stringify(await all()),
    timeoutMs,
  );
  for (const { status } of waiting) {
    t.match(admission(status), { reason: 'WaitingForSlot', message: /^place \d+ of \d+; .+ limit 2$/ });
    t.match(status.containerStatuses?.[0]?.state?.waiting, { reason: 'WaitingForSlot' });
  }
  await kubelet.kill();
  const left = (await all()).filter(({ status }) => admission(status)?.status === 'False');
  const expected = [...left].sort(byQueue).map(({ metadata: { name } }) => name);
  t.ok(left.length > 0, 'it was killed while pods waited');
  const before = written('start').length;
  await kubelet.start();
  rmSync(hold);
  await until(
    async () => ((await all()).every(isReady) ? true : undefined),
    async () => JSON.stringify((await all()).filter((pod) => !isReady(pod))),
    timeoutMs,
  );

  t.strictSame([...written('start')].sort(), [...names].sort(), 'each started once');
  let starting = 0;
  let most = 0;
  for (const entry of entries()) {
    starting += entry.startsWith('start ') ? 1 : -1;
    most = Math.max(most, starting);
  }
  t.equal(most, limit, 'never more than two at once, and two');
  const later = written('start')
    .slice(before)
    .filter((name) => expected.includes(name));
  // Whoever comes before it has begun, or holds the other slot and will.
  for (const [index, name] of later.entries())
    t.ok(index >= expected.indexOf(name) - (limit - 1), `${name} kept its place: ${later.join(' ')}`);
  t.ok((await all()).every(({ status }) => admission(status)?.status === 'True'));
}

/** Notes when it starts and when it is ready. */
function script(name: string): string {
  const note = (word: string): string => `echo ${word} ${name} >> /shared/diary`;
  const wait = 'while [ -e /shared/hold ]; do sleep 0.1; done';
  return `${note('start')}; ${wait}; ${note('ready')}; touch /ready; exec sleep 100000`;
}

function admission(
  status: Pod['status'],
): ReturnType<typeof findCondition<NonNullable<Pod['status']['conditions']>[number]>> {
  return findCondition(status.conditions, 'StartupAdmitted');
}

/** As they waited: since when, in whole seconds, then by uid. */
function byQueue(a: Pod, b: Pod): number {
  const key = ({ metadata, status }: Pod): string =>
    `${admission(status)?.lastTransitionTime ?? ''} ${metadata.uid}`;
  return key(a) < key(b) ? -1 : 1;
}
