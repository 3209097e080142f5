/**
 * A kubelet that is killed at any step of a Pod's start and stop, under a real containerd and with the real apiserver:
 * the one after it finishes the work. No program runs twice, no restart is counted, a Pod beside it stays ready all the
 * time, and nothing is left of what is deleted. A seed chooses a few steps; with KNARR_TEST_LONG=1 each is tried.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import type { Pod } from '../../api/generated/core-v1.js';
import { pods } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { createRestClient } from '../../client/rest-client.js';
import { createCgroupManager } from '../../kubelet/containers/cgroups.js';
import { GrpcRuntime } from '../../kubelet/cri/grpc-runtime.js';
import { startFixture } from '../support/apiserver-fixture.js';
import { missingForContainerd, podLinks, startContainerd } from '../support/containerd.js';
import { isReady, until } from '../support/kubelet.js';
import { KubeletVictim } from '../support/kubelet-victim.js';
import type { Death } from '../support/mortal-runtime.js';
import { runInOwnNamespaces } from '../support/netns.js';
import { seededRandom } from '../support/seeded-random.js';

const image = 'localhost/knarr/web:1';
const seed = 20_261_126;
const timeoutMs = 60_000;
/** A sandbox, and three containers that are each created and started. */
const startSteps = 7;
/** Two containers and the sandbox are stopped, the sandbox is removed. */
const stopSteps = 4;

t.setTimeout(600_000);
const missing = missingForContainerd();
if (missing !== undefined) t.pass(`skipped: ${missing}`, { skip: missing });
else if (runInOwnNamespaces(import.meta.url)) await testKills();

interface Case {
  readonly start: Death;
  readonly stop: Death;
}

/** Each step right before, right after and while the runtime is at it; or a few of them, spread over all steps. */
function chooseCases(): readonly Case[] {
  const random = seededRandom(seed);
  const deathAt = (step: number, when: number): Death =>
    when === 2 ? { step, isDone: true, afterMs: Math.floor(random() * 150) } : { step, isDone: when === 1 };
  const all = Array.from({ length: startSteps * 3 }, (_, index) => ({
    start: deathAt(1 + (index % startSteps), Math.floor(index / startSteps)),
    stop: deathAt(1 + (index % stopSteps), Math.floor(index / startSteps)),
  }));
  if (process.env['KNARR_TEST_LONG'] !== undefined) return all;
  const chosen = 3;
  return Array.from({ length: chosen }, (_, index) =>
    all.at(Math.floor(((index + random()) * all.length) / chosen)),
  ).filter((one) => one !== undefined);
}

async function testKills(): Promise<void> {
  const containerd = await startContainerd();
  const api = await startFixture();
  const folder = mkdtempSync(join(tmpdir(), 'knarr-kubelet-'));
  const runtime = new GrpcRuntime(containerd.endpoint);
  const cgroups = createCgroupManager({ root: containerd.cgroupRoot });
  const client = createRestClient({
    connection: { kubeconfig: api.kubeconfig },
    userAgent: 'test',
  });
  const kubelet = new KubeletVictim([
    await api.pki.kubeconfig('kubelet', api.url),
    containerd.endpoint,
    containerd.cgroupRoot,
    folder,
  ]);
  t.teardown(async () => {
    await kubelet.kill();
    runtime.close();
    await client.close();
    await api.stop();
    await containerd.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const podClient = client.resource(pods);
  const podOf = async (name: string): Promise<Pod | undefined> => {
    try {
      return await podClient.get({ namespace: 'default', name });
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return undefined;
      throw error;
    }
  };
  const create = (name: string, spec: Pick<Pod['spec'], 'containers'> & Partial<Pod['spec']>): Promise<Pod> =>
    podClient.create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default' },
      spec: { nodeName: 'node-1', terminationGracePeriodSeconds: 1, ...spec },
    });
  const untilReady = (name: string): Promise<Pod> =>
    until(
      async () => {
        const pod = await podOf(name);
        return pod !== undefined && isReady(pod) ? pod : undefined;
      },
      async () => `${name} is not ready: ${JSON.stringify((await podOf(name))?.status)}`,
      timeoutMs,
    );
  /** Does it under a kubelet that is to die, and puts another in its place when it has. */
  const surviveDeath = async (death: Death, isOver: () => Promise<boolean>): Promise<boolean> => {
    await until(
      async () => (kubelet.isDead || (await isOver()) ? true : undefined),
      () => `neither dead nor done: ${JSON.stringify(death)}`,
      timeoutMs,
    );
    if (!kubelet.isDead) return false;
    await kubelet.start();
    return true;
  };

  await until(
    async () => ((await api.request('GET', '/api/v1/namespaces/default')).status === 200 ? true : undefined),
    () => 'no default namespace',
  );
  await kubelet.start();
  const readinessProbe = { exec: { command: ['/bin/true'] }, periodSeconds: 1, failureThreshold: 1 };
  await create('beside', {
    containers: [{ name: 'main', image, command: ['/bin/sleep', '100000'], readinessProbe }],
  });
  const beside = await untilReady('beside');
  const seen = api.watch(
    `/api/v1/namespaces/default/pods?watch=true&fieldSelector=metadata.name%3Dbeside&resourceVersion=${beside.metadata.resourceVersion}`,
  );

  for (const [index, { start, stop }] of chooseCases().entries())
    await t.test(`killed at ${describe(start)} of a start and ${describe(stop)} of an end`, async (t) => {
      const name = `pod-${String(index)}`;
      const note = (word: string, then: string): string[] => [
        '/bin/sh',
        '-c',
        `echo ${word} >> /data/starts; ${then}`,
      ];
      const volumeMounts = [{ name: 'data', mountPath: '/data' }];
      const rest = { image, volumeMounts };
      const sleeps = "trap 'exit 0' TERM; sleep 100000 & wait";
      await kubelet.arm(start);
      const { uid } = (
        await create(name, {
          initContainers: [
            { name: 'sidecar', restartPolicy: 'Always', command: note('sidecar', sleeps), ...rest },
            { name: 'work', command: note('work', 'exit 0'), ...rest },
          ],
          containers: [{ name: 'main', command: note('main', sleeps), ...rest }],
          volumes: [{ name: 'data', emptyDir: {} }],
        })
      ).metadata;
      const isReadyNow = async (): Promise<boolean> => {
        const pod = await podOf(name);
        return pod !== undefined && isReady(pod);
      };
      t.ok(await surviveDeath(start, isReadyNow), 'it died at the start');
      const pod = await untilReady(name);
      const own = (await runtime.listContainers()).filter(
        ({ labels }) => labels['io.kubernetes.pod.uid'] === uid,
      );
      const running = own.filter(({ state }) => state === 'running').map(({ metadata }) => metadata.name);
      t.strictSame(running.sort(), ['main', 'sidecar'], 'each runs once');
      if (start.afterMs === undefined) {
        // What was under way when its caller died may have been undone: then it was begun twice.
        const starts = join(folder, 'root/pods', uid, 'volumes/kubernetes.io~empty-dir/data/starts');
        t.strictSame(
          readFileSync(starts, 'utf8').trim().split('\n'),
          ['sidecar', 'work', 'main'],
          'each was begun once',
        );
        const statuses = [
          ...(pod.status.initContainerStatuses ?? []),
          ...(pod.status.containerStatuses ?? []),
        ];
        t.strictSame(
          statuses.map(({ restartCount }) => restartCount),
          [0, 0, 0],
        );
      }
      t.equal((await sandboxesOf(runtime, uid)).filter(({ state }) => state === 'ready').length, 1);

      await kubelet.arm(stop);
      await podClient.delete({ namespace: 'default', name });
      t.ok(await surviveDeath(stop, async () => (await podOf(name)) === undefined), 'it died at the end');
      await until(
        async () => ((await podOf(name)) === undefined ? true : undefined),
        async () => `${name} is still there: ${JSON.stringify(await podOf(name))}`,
        timeoutMs,
      );
      await checkNothingIsLeft(t, uid);
    });

  await t.test('the pod beside them was ready all the time', async (t) => {
    const states = seen.lines.map(({ object }) => object as unknown as Pod);
    t.ok(states.every(isReady));
    const now = await untilReady('beside');
    t.equal(
      now.status.containerStatuses?.[0]?.containerID,
      beside.status.containerStatuses?.[0]?.containerID,
    );
    t.equal(now.status.containerStatuses?.[0]?.restartCount, 0);
    seen.close();
  });

  async function checkNothingIsLeft(t: Test, uid: string): Promise<void> {
    const left = async (): Promise<string[]> => [
      ...(await sandboxesOf(runtime, uid)).map(({ id }) => `sandbox ${id}`),
      ...(await runtime.listContainers())
        .filter(({ labels }) => labels['io.kubernetes.pod.uid'] === uid)
        .map(({ id }) => `container ${id}`),
      ...(await cgroups.list()).filter((one) => one === uid).map(() => 'a cgroup'),
      ...[join(folder, 'root/pods'), join(folder, 'root/pod-checkpoints'), join(folder, 'logs')].flatMap(
        (one) => (existsSync(one) ? readdirSync(one).filter((entry) => entry.includes(uid)) : []),
      ),
      ...readFileSync('/proc/self/mountinfo', 'utf8')
        .split('\n')
        .filter((line) => line.includes(uid)),
      // One for the pod beside it.
      ...podLinks().slice(1),
    ];
    await until(
      async () => ((await left()).length === 0 ? true : undefined),
      async () => `left: ${(await left()).join('; ')}`,
      timeoutMs,
    );
    t.strictSame(await left(), [], 'nothing is left');
  }
}

async function sandboxesOf(
  runtime: GrpcRuntime,
  uid: string,
): Promise<Awaited<ReturnType<GrpcRuntime['listPodSandboxes']>>> {
  return runtime.listPodSandboxes({ labels: { 'io.kubernetes.pod.uid': uid } });
}

function describe({ step, isDone, afterMs }: Death): string {
  if (afterMs !== undefined) return `step ${String(step)}, ${String(afterMs)} ms into it,`;
  return `step ${String(step)}, right ${isDone ? 'after' : 'before'} it,`;
}
