/** What any implementation of the runtime port must do. Run by cri-memory.test.ts and cri-containerd.test.ts. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Test } from 'tap';
import { isCriError } from '../../kubelet/cri/runtime.js';
import type {
  ContainerConfig,
  ContainerRuntime,
  PodSandboxConfig,
  RuntimeEvent,
} from '../../kubelet/cri/runtime.js';

export interface CriSubject {
  readonly runtime: ContainerRuntime;
  /** An image that is there; has /bin/sh. */
  readonly image: string;
  readonly logDirectory: string;
  readonly cgroupParent: string;
  /** What the kernel, or who plays it, allows a container to use. */
  readonly limitsOf: (
    cgroupParent: string,
    containerId: string,
  ) => { readonly cpuQuota: number; readonly memoryLimitBytes: number };
  /** What the runtime tells of containers: all that happens to them, their ends alone, or nothing. */
  readonly tells: 'all' | 'ends' | 'nothing';
  /** Makes a container that runs `sh -c 'exit 3'` end, where it does not by itself. */
  readonly letExit?: (containerId: string, exitCode: number) => void;
}

export async function testCri(t: Test, subject: CriSubject): Promise<void> {
  const { runtime } = subject;
  const ids = { next: 0 };
  const newSandbox = (labels: Record<string, string> = {}): PodSandboxConfig =>
    sandboxConfig(subject, `uid-${String(process.pid)}-${String(ids.next++)}`, labels);

  await t.test('tells its name and that it is ready', async (t) => {
    const version = await runtime.version();
    t.not(version.runtimeName, '');
    const conditions = await runtime.status();
    for (const type of ['RuntimeReady', 'NetworkReady'])
      t.equal(conditions.find((condition) => condition.type === type)?.status, true, type);
  });

  await t.test('tells what it can do', async (t) => {
    const { supplementalGroupsPolicy, handlers } = await runtime.features();
    t.type(supplementalGroupsPolicy, 'boolean');
    for (const handler of handlers)
      t.match(handler, { name: String, userNamespaces: Boolean, recursiveReadOnlyMounts: Boolean });
  });

  await t.test('tells where images are', async (t) => {
    const { images } = await runtime.imageFilesystems();
    t.match(images, [{ mountpoint: /^\//, usedBytes: Number, usedInodes: Number }]);
  });

  await t.test('runs a sandbox, shows it, stops it twice and removes it twice', async (t) => {
    const config = newSandbox({ color: 'red' });
    const id = await runtime.runPodSandbox(config);
    const status = await runtime.podSandboxStatus(id);
    t.match(status, { state: 'ready', network: 'POD', metadata: config.metadata });
    t.equal(status.ips.length, 1);
    t.equal((await runtime.listPodSandboxes({ labels: { color: 'red' } })).length, 1);
    t.equal((await runtime.listPodSandboxes({ labels: { color: 'blue' } })).length, 0);
    await t.rejects(runtime.runPodSandbox(config), { name: 'CriError' }, 'the same attempt twice');
    await t.rejects(
      runtime.runPodSandbox(newSandbox(), undefined, 'no-such-handler'),
      { name: 'CriError', message: /no-such-handler/ },
      'a handler that the runtime does not have',
    );
    await runtime.stopPodSandbox(id);
    await runtime.stopPodSandbox(id);
    t.equal((await runtime.podSandboxStatus(id)).state, 'not-ready');
    await runtime.removePodSandbox(id);
    await runtime.removePodSandbox(id);
    t.equal((await runtime.listPodSandboxes({ labels: { color: 'red' } })).length, 0);
  });

  await t.test('a container is created, runs, is asked, is stopped and removed', async (t) => {
    const config = newSandbox();
    const sandbox = await runtime.runPodSandbox(config);
    const id = await runtime.createContainer(sandbox, containerConfig(subject, 'main', 'sleep 1000'), config);
    t.match(await runtime.containerStatus(id), { state: 'created', startedAtMs: 0 });
    await runtime.startContainer(id);
    const status = await runtime.containerStatus(id);
    t.match(status, { state: 'running', finishedAtMs: 0, metadata: { name: 'main', attempt: 0 } });
    t.ok(Math.abs(status.startedAtMs - Date.now()) < 60_000, 'times are milliseconds');
    t.equal(status.logPath, `${config.logDirectory}/main/0.log`);
    const listed = await runtime.listContainers({ sandboxId: sandbox });
    t.strictSame(
      listed.map((container) => [container.id, container.state, container.sandboxId]),
      [[id, 'running', sandbox]],
    );
    t.equal((await runtime.execSync(id, ['true'], 5)).exitCode, 0);
    const [stats] = await runtime.listContainerStats({ sandboxId: sandbox });
    t.match(stats, { id, metadata: { name: 'main' }, workingSetBytes: Number, cpuNanoseconds: Number });
    await runtime.stopContainer(id, 0);
    await runtime.stopContainer(id, 0);
    t.match(await runtime.containerStatus(id), { state: 'exited' });
    await runtime.removeContainer(id);
    await runtime.removeContainer(id);
    t.strictSame(await runtime.listContainers({ sandboxId: sandbox }), []);
    await runtime.removePodSandbox(sandbox);
  });

  await t.test('a container gets other limits while it runs', async (t) => {
    const config = newSandbox();
    const sandbox = await runtime.runPodSandbox(config);
    const wanted = containerConfig(subject, 'main', 'sleep 1000');
    const resources = { ...wanted.linux.resources, cpuQuota: 10_000, memoryLimitInBytes: 32 * 1024 * 1024 };
    const limited = { ...wanted, linux: { ...wanted.linux, resources } };
    const id = await runtime.createContainer(sandbox, limited, config);
    await runtime.startContainer(id);
    const limits = (): unknown => subject.limitsOf(config.linux.cgroupParent, id);
    t.strictSame(limits(), { cpuQuota: 10_000, memoryLimitBytes: 32 * 1024 * 1024 });
    const { startedAtMs } = await runtime.containerStatus(id);
    await runtime.updateContainerResources(id, { ...resources, cpuQuota: 20_000, memoryLimitInBytes: 0 });
    t.strictSame(limits(), { cpuQuota: 20_000, memoryLimitBytes: 32 * 1024 * 1024 }, 'the quota only');
    await runtime.updateContainerResources(id, { ...resources, memoryLimitInBytes: 48 * 1024 * 1024 });
    t.strictSame(limits(), { cpuQuota: 10_000, memoryLimitBytes: 48 * 1024 * 1024 });
    t.match(await runtime.containerStatus(id), { state: 'running', startedAtMs });
    await runtime.removePodSandbox(sandbox);
  });

  await t.test('a container that ends by itself tells its exit code', async (t) => {
    const config = newSandbox();
    const sandbox = await runtime.runPodSandbox(config);
    const id = await runtime.createContainer(sandbox, containerConfig(subject, 'main', 'exit 3'), config);
    await runtime.startContainer(id);
    subject.letExit?.(id, 3);
    const deadline = Date.now() + 10_000;
    while ((await runtime.containerStatus(id)).state !== 'exited' && Date.now() < deadline) await delay(20);
    const status = await runtime.containerStatus(id);
    t.match(status, { state: 'exited', exitCode: 3, reason: 'Error' });
    t.ok(status.finishedAtMs >= status.startedAtMs);
    await runtime.removePodSandbox(sandbox);
    t.ok(isCriError(await runtime.containerStatus(id).catch(asValue), 'not-found'), 'went with its sandbox');
  });

  await t.test('a container is stopped with the signal that it wants', async (t) => {
    const config = newSandbox();
    const sandbox = await runtime.runPodSandbox(config);
    const script = "trap '' TERM; trap 'exit 7' USR1; while :; do sleep 0.05; done";
    const wanted = { ...containerConfig(subject, 'main', script), stopSignal: 'SIGUSR1' };
    const id = await runtime.createContainer(sandbox, wanted, config);
    await runtime.startContainer(id);
    await runtime.execSync(id, ['sleep', '0.3'], 5);
    const began = performance.now();
    await runtime.stopContainer(id, 60, undefined, 'SIGUSR1');
    t.ok(performance.now() - began < 30_000, 'long before SIGKILL');
    const { state, exitCode } = await runtime.containerStatus(id);
    t.equal(state, 'exited');
    // What no process plays ends as after SIGTERM.
    t.equal(exitCode, subject.letExit === undefined ? 7 : 143);
    await runtime.removePodSandbox(sandbox);
  });

  await t.test('what is not there', async (t) => {
    t.ok(isCriError(await runtime.podSandboxStatus('nothing').catch(asValue), 'not-found'));
    t.ok(isCriError(await runtime.containerStatus('nothing').catch(asValue), 'not-found'));
    const { resources } = containerConfig(subject, 'main', '').linux;
    const update = runtime.updateContainerResources('nothing', resources).catch(asValue);
    t.ok(isCriError(await update, 'not-found'));
    await runtime.stopPodSandbox('nothing');
    await runtime.removePodSandbox('nothing');
    await runtime.stopContainer('nothing', 0);
    await runtime.removeContainer('nothing');
    t.equal(await runtime.imageStatus('localhost/knarr/none:1'), undefined);
  });

  await t.test('images', async (t) => {
    const image = await runtime.imageStatus(subject.image);
    t.ok(image?.repoTags.includes(subject.image));
    t.ok((image?.sizeBytes ?? 0) > 0);
    const all = await runtime.listImages();
    t.ok(all.some(({ id }) => id === image?.id));
    await t.rejects(runtime.pullImage('localhost:1/knarr/none:1', undefined), { name: 'CriError' });
  });

  await t.test('what happens to containers is told, or the runtime says that it does not', async (t) => {
    const abort = new AbortController();
    const config = newSandbox();
    const told: RuntimeEvent[] = [];
    const following = follow(runtime, abort.signal, (event) => {
      // A runtime may begin with what happened lately.
      if (event.podUid === config.metadata.uid) told.push(event);
    });
    if (subject.tells === 'nothing') {
      t.ok(isCriError(await following.catch(asValue), 'unimplemented'));
      return;
    }
    const untilTold = async (id: string, type: RuntimeEvent['type']): Promise<void> => {
      const isTold = (): boolean => told.some((event) => event.containerId === id && event.type === type);
      const deadline = Date.now() + 10_000;
      while (!isTold() && Date.now() < deadline) await delay(20);
      t.ok(isTold(), type);
    };
    // A stream of which the other end has not heard yet misses what happens before.
    await runtime.version();
    const sandbox = await runtime.runPodSandbox(config);
    const id = await runtime.createContainer(sandbox, containerConfig(subject, 'main', 'sleep 1000'), config);
    await runtime.startContainer(id);
    if (subject.tells === 'all') await untilTold(id, 'started');
    await runtime.execSync(id, ['true'], 5);
    await runtime.stopContainer(id, 0);
    await untilTold(id, 'stopped');
    t.equal((await runtime.containerStatus(id)).state, 'exited', 'and then it is so');
    const ends = told.filter((event) => event.containerId === id && event.type === 'stopped');
    t.equal(ends.length, 1, 'what was executed in it is not told of');
    await runtime.stopPodSandbox(sandbox);
    if (subject.tells === 'ends') await untilTold(sandbox, 'stopped');
    await runtime.removePodSandbox(sandbox);
    abort.abort();
    await following;
  });
}

async function follow(
  runtime: ContainerRuntime,
  signal: AbortSignal,
  onEvent: (event: RuntimeEvent) => void,
): Promise<void> {
  for await (const event of runtime.events(signal)) onEvent(event);
}

function asValue(error: unknown): unknown {
  return error;
}

function sandboxConfig(subject: CriSubject, uid: string, labels: Record<string, string>): PodSandboxConfig {
  return {
    metadata: { name: 'contract', namespace: 'default', uid, attempt: 0 },
    hostname: 'contract',
    logDirectory: `${subject.logDirectory}/${uid}`,
    portMappings: [],
    labels,
    annotations: {},
    linux: {
      cgroupParent: `${subject.cgroupParent}/pod${uid}`,
      sysctls: {},
      securityContext: {
        namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' },
        privileged: false,
        supplementalGroups: [],
        seccomp: { profileType: 'RuntimeDefault' },
      },
    },
  };
}

function containerConfig(subject: CriSubject, name: string, script: string): ContainerConfig {
  return {
    metadata: { name, attempt: 0 },
    image: { image: subject.image },
    command: ['/bin/sh', '-c', script],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: `${name}/0.log`,
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: {
      resources: {
        cpuPeriod: 100_000,
        cpuQuota: 0,
        cpuShares: 2,
        memoryLimitInBytes: 0,
        oomScoreAdj: 1000,
        unified: {},
      },
      securityContext: {
        privileged: false,
        namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD' },
        readonlyRootfs: false,
        supplementalGroups: [],
        noNewPrivs: false,
        maskedPaths: [],
        readonlyPaths: [],
        seccomp: { profileType: 'Unconfined' },
      },
    },
  };
}
