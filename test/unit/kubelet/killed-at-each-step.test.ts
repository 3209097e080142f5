/**
 * A kubelet that is killed at each step of a Pod's start and stop, right before the step and right after it, and started
 * again: the Pod comes to be, or goes, and nothing is there twice or left over. Then it dies again and again, by a seed.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { Test } from 'tap';
import { pods } from '../../../api/resources.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import { systemClock } from '../../../common/clock.js';
import { MemoryRuntime } from '../../../kubelet/cri/memory-runtime.js';
import { AwayClient } from '../../support/away-client.js';
import { isReady, TestNode, until } from '../../support/kubelet.js';
import { MortalRuntime } from '../../support/mortal-runtime.js';
import type { Death } from '../../support/mortal-runtime.js';
import { seededRandom } from '../../support/seeded-random.js';

const seed = 20261126;
const image = 'localhost/knarr/web:1';
const memory = new MemoryRuntime({ clock: systemClock, images: [image], events: true });
const runtime = new MortalRuntime(memory);
const client = createMemoryClient();
const away = new AwayClient(client);
const node = new TestNode({ client, kubeletClient: away, runtime: runtime.port });
t.setTimeout(120_000);

const running = async (): Promise<string[]> =>
  (await memory.listContainers())
    .filter(({ state }) => state === 'running')
    .map(({ metadata }) => metadata.name)
    .sort();

/** The process of the init container ends as soon as it runs. */
async function letWorkEnd(): Promise<void> {
  for (const { id, metadata, state } of await memory.listContainers())
    if (metadata.name === 'work' && state === 'running') memory.exitContainer(id, 0);
}

async function createPod(name: string): Promise<void> {
  await node.createPod(name, {
    initContainers: [
      { name: 'sidecar', image, restartPolicy: 'Always' },
      { name: 'work', image },
    ],
    containers: [{ name: 'main', image, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
    volumes: [{ name: 'data', emptyDir: {} }],
  });
}

async function untilReady(name: string): Promise<void> {
  await until(
    async () => {
      await letWorkEnd();
      const pod = await node.pod(name);
      return pod !== undefined && isReady(pod) ? true : undefined;
    },
    async () => `${name} is not ready: ${JSON.stringify(await node.pod(name))}`,
    30_000,
  );
}

/** True when the kubelet died and was replaced; false when what was to be done was over before. */
async function surviveDeath(
  death: Death,
  begin: () => Promise<void>,
  isOver: () => Promise<boolean>,
): Promise<boolean> {
  runtime.live(death, () => {
    away.leave();
  });
  await begin();
  await until(
    async () => {
      await letWorkEnd();
      return runtime.isDead || (await isOver()) ? true : undefined;
    },
    () => `step ${death.step} was not reached`,
    30_000,
  );
  const died = runtime.isDead;
  if (died) {
    await node.stop();
    runtime.live();
    away.comeBack();
    await node.start();
  }
  runtime.live();
  return died;
}

async function checkNothingIsLeft(t: Test, name: string): Promise<void> {
  await node.untilGone(name, 30_000);
  const folders = [join(node.rootDir, 'pods'), node.podLogsDir, join(node.rootDir, 'pod-checkpoints')];
  await until(
    async () => {
      const left = folders.flatMap((folder) => (existsSync(folder) ? readdirSync(folder) : []));
      const there = (await memory.listPodSandboxes()).length + (await memory.listContainers()).length;
      return left.length + there === 0 ? true : undefined;
    },
    async () =>
      JSON.stringify([
        await memory.listPodSandboxes(),
        await memory.listContainers(),
        folders.map((folder) => (existsSync(folder) ? readdirSync(folder) : [])),
      ]),
    30_000,
  );
  t.pass('nothing is left');
}

async function checkRuns(t: Test, name: string, what: string): Promise<void> {
  await untilReady(name);
  t.strictSame(await running(), ['main', 'sidecar'], what);
  const ready = (await memory.listPodSandboxes()).filter(({ state }) => state === 'ready');
  t.equal(ready.length, 1, 'one sandbox');
}

const remove = (name: string): Promise<void> => client.resource(pods).delete({ namespace: 'default', name });
const isGone = async (name: string): Promise<boolean> => (await node.pod(name)) === undefined;
const isReadyNow = async (name: string): Promise<boolean> => {
  const pod = await node.pod(name);
  return pod !== undefined && isReady(pod);
};

await node.start();
t.teardown(async () => {
  away.comeBack();
  await node.remove();
});

for (const isDone of [false, true]) {
  const when = isDone ? 'right after' : 'right before';

  await t.test(`killed ${when} each step of a start`, async (t) => {
    let deaths = 0;
    for (let step = 1; step <= 30; step++) {
      const name = `start-${String(isDone)}-${step}`;
      const death = { step, isDone };
      const died = await surviveDeath(
        death,
        () => createPod(name),
        () => isReadyNow(name),
      );
      await checkRuns(t, name, `killed at step ${step}`);
      await remove(name);
      await checkNothingIsLeft(t, name);
      if (!died) break;
      deaths++;
    }
    // A sandbox, and three containers that are each created and started.
    t.ok(deaths >= 7, `${deaths} deaths`);
  });

  await t.test(`killed ${when} each step of an end`, async (t) => {
    let deaths = 0;
    for (let step = 1; step <= 30; step++) {
      const name = `stop-${String(isDone)}-${step}`;
      await createPod(name);
      await checkRuns(t, name, 'before its end');
      const died = await surviveDeath(
        { step, isDone },
        () => remove(name),
        () => isGone(name),
      );
      await checkNothingIsLeft(t, name);
      if (!died) break;
      deaths++;
    }
    // Two containers and the sandbox are stopped, the sandbox is removed.
    t.ok(deaths >= 4, `${deaths} deaths`);
  });
}

await t.test(`killed again and again, seed ${seed}`, async (t) => {
  const random = seededRandom(seed);
  const nextDeath = (): Death => ({ step: 1 + Math.floor(random() * 3), isDone: random() < 0.5 });
  const nothing = (): Promise<void> => Promise.resolve();
  for (let round = 1; round <= 8; round++) {
    const name = `again-${round}`;
    await surviveDeath(
      nextDeath(),
      () => createPod(name),
      () => isReadyNow(name),
    );
    for (let more = 0; more < 3; more++) await surviveDeath(nextDeath(), nothing, () => isReadyNow(name));
    await checkRuns(t, name, `round ${round}`);
    await surviveDeath(
      nextDeath(),
      () => remove(name),
      () => isGone(name),
    );
    for (let more = 0; more < 2; more++) await surviveDeath(nextDeath(), nothing, () => isGone(name));
    await checkNothingIsLeft(t, name);
  }
});
