/**
 * The in-memory twin of a CRI runtime: passes the same contract suite as the gRPC adapter, without any process.
 *
 * Beyond the port it offers what a test needs to play the world: {@link MemoryRuntime.exitContainer},
 * {@link MemoryRuntime.loseSandbox}, {@link MemoryRuntime.failNext}. A container ends only when told to.
 */
import type { Clock } from '../../common/clock.js';
import { CriError } from './runtime.js';
import type * as cri from './runtime.js';

interface StoredSandbox {
  readonly id: string;
  readonly config: cri.PodSandboxConfig;
  readonly createdAtMs: number;
  readonly ip: string;
  state: cri.SandboxState;
}

interface StoredContainer {
  readonly id: string;
  readonly sandboxId: string;
  readonly config: cri.ContainerConfig;
  readonly logPath: string;
  readonly createdAtMs: number;
  resources: cri.LinuxContainerResources;
  state: cri.ContainerState;
  startedAtMs: number;
  finishedAtMs: number;
  exitCode: number;
  reason: string;
}

/** Names of the port's methods that {@link MemoryRuntime.failNext} can make fail. */
export type RuntimeCall =
  | 'status'
  | 'runPodSandbox'
  | 'stopPodSandbox'
  | 'createContainer'
  | 'startContainer'
  | 'stopContainer'
  | 'updateContainerResources'
  | 'pullImage';

export interface MemoryRuntimeOptions {
  readonly clock: Clock;
  /** Images that are there from the start. */
  readonly images?: readonly string[];
  /** Images that a pull finds. */
  readonly registry?: readonly string[];
  /** What a command in a container answers; exit code 0 and no output by default. */
  readonly onExec?: (containerId: string, command: readonly string[]) => cri.ExecResult;
  /** With false, `events` throws `unimplemented`, as containerd before 1.7 does. */
  readonly events?: boolean;
  /** Ways to run containers; none that is told of by default, as with older runtimes. */
  readonly handlers?: cri.RuntimeFeatures['handlers'];
}

export class MemoryRuntime implements cri.ContainerRuntime {
  /** Every call that changed something, in order: 'runPodSandbox default/web', 'stopContainer web 30'. */
  readonly calls: string[] = [];
  networkReady = true;
  /** What containers have written, by their names. */
  readonly usage = new Map<string, { readonly usedBytes: number; readonly usedInodes: number }>();
  readonly #options: MemoryRuntimeOptions;
  readonly #sandboxes = new Map<string, StoredSandbox>();
  readonly #containers = new Map<string, StoredContainer>();
  readonly #images = new Map<string, cri.RuntimeImage>();
  readonly #failures = new Map<RuntimeCall, CriError[]>();
  readonly #listeners = new Set<(event: cri.RuntimeEvent) => void>();
  #next = 1;

  constructor(options: MemoryRuntimeOptions) {
    this.#options = options;
    for (const image of options.images ?? []) this.#addImage(image);
  }

  /** The process of a container ends by itself. */
  exitContainer(id: string, exitCode: number, reason = exitCode === 0 ? 'Completed' : 'Error'): void {
    const container = this.#container(id);
    if (container.state !== 'running') return;
    container.state = 'exited';
    container.exitCode = exitCode;
    container.reason = reason;
    container.finishedAtMs = this.#options.clock.now();
    this.#emit(container, 'stopped');
  }

  /** The sandbox's process is gone, as after a reboot: it and its containers are no longer running. */
  loseSandbox(id: string): void {
    this.#sandbox(id).state = 'not-ready';
    for (const container of this.#containers.values()) {
      if (container.sandboxId === id) this.exitContainer(container.id, 255, 'Unknown');
    }
  }

  /** The next such call rejects with this error. */
  failNext(call: RuntimeCall, error: CriError): void {
    this.#failures.set(call, [...(this.#failures.get(call) ?? []), error]);
  }

  async version(): Promise<cri.RuntimeVersion> {
    return { runtimeName: 'memory', runtimeVersion: '1' };
  }

  async status(): Promise<readonly cri.RuntimeCondition[]> {
    this.#mayFail('status');
    const network = this.networkReady
      ? { status: true, reason: '', message: '' }
      : { status: false, reason: 'NetworkPluginNotReady', message: 'no network configured' };
    return [
      { type: 'RuntimeReady', status: true, reason: '', message: '' },
      { type: 'NetworkReady', ...network },
    ];
  }

  async features(): Promise<cri.RuntimeFeatures> {
    return { supplementalGroupsPolicy: true, handlers: this.#options.handlers ?? [] };
  }

  async runPodSandbox(
    config: cri.PodSandboxConfig,
    _signal?: AbortSignal,
    runtimeHandler = '',
  ): Promise<string> {
    this.#mayFail('runPodSandbox');
    if (runtimeHandler !== '')
      throw new CriError('failed', `no runtime for "${runtimeHandler}" is configured`);
    const { uid, attempt, namespace, name } = config.metadata;
    for (const other of this.#sandboxes.values()) {
      if (other.config.metadata.uid === uid && other.config.metadata.attempt === attempt) {
        throw new CriError('failed', `the name of the sandbox is reserved for ${other.id}`);
      }
    }
    const id = this.#newId('sandbox');
    this.#sandboxes.set(id, {
      id,
      config,
      createdAtMs: this.#options.clock.now(),
      ip: config.linux.securityContext.namespaceOptions.network === 'NODE' ? '' : `10.0.0.${this.#next}`,
      state: 'ready',
    });
    this.calls.push(`runPodSandbox ${namespace}/${name}`);
    return id;
  }

  async stopPodSandbox(id: string): Promise<void> {
    this.#mayFail('stopPodSandbox');
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    for (const container of this.#containers.values()) {
      if (container.sandboxId === id) this.exitContainer(container.id, 137);
    }
    sandbox.state = 'not-ready';
    this.calls.push(`stopPodSandbox ${sandbox.config.metadata.namespace}/${sandbox.config.metadata.name}`);
  }

  async removePodSandbox(id: string): Promise<void> {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) return;
    await this.stopPodSandbox(id);
    for (const container of [...this.#containers.values()]) {
      if (container.sandboxId === id) this.#containers.delete(container.id);
    }
    this.#sandboxes.delete(id);
    this.calls.push(`removePodSandbox ${sandbox.config.metadata.namespace}/${sandbox.config.metadata.name}`);
  }

  async podSandboxStatus(id: string): Promise<cri.SandboxStatus> {
    const sandbox = this.#sandbox(id);
    const { network } = sandbox.config.linux.securityContext.namespaceOptions;
    return { ...toSandbox(sandbox), ips: sandbox.ip === '' ? [] : [sandbox.ip], network };
  }

  async listPodSandboxes(filter: cri.LabelFilter = {}): Promise<readonly cri.Sandbox[]> {
    return [...this.#sandboxes.values()].map(toSandbox).filter((sandbox) => matches(sandbox, filter));
  }

  async createContainer(
    sandboxId: string,
    config: cri.ContainerConfig,
    sandboxConfig: cri.PodSandboxConfig,
  ): Promise<string> {
    this.#mayFail('createContainer');
    if (this.#sandbox(sandboxId).state !== 'ready')
      throw new CriError('failed', 'the sandbox is not running');
    if (!this.#hasImage(config.image.image))
      throw new CriError('not-found', `image "${config.image.image}" not found`);
    for (const other of this.#containers.values()) {
      const same = other.config.metadata;
      if (
        other.sandboxId === sandboxId &&
        same.name === config.metadata.name &&
        same.attempt === config.metadata.attempt
      ) {
        throw new CriError('failed', `the name of the container is reserved for ${other.id}`);
      }
    }
    const id = this.#newId('container');
    this.#containers.set(id, {
      id,
      sandboxId,
      config,
      logPath: `${sandboxConfig.logDirectory}/${config.logPath}`,
      createdAtMs: this.#options.clock.now(),
      resources: config.linux.resources,
      state: 'created',
      startedAtMs: 0,
      finishedAtMs: 0,
      exitCode: 0,
      reason: '',
    });
    this.calls.push(`createContainer ${config.metadata.name}#${config.metadata.attempt}`);
    return id;
  }

  async startContainer(id: string): Promise<void> {
    const container = this.#container(id);
    try {
      this.#mayFail('startContainer');
    } catch (error) {
      const now = this.#options.clock.now();
      Object.assign(container, { state: 'exited', exitCode: 128, reason: 'StartError', finishedAtMs: now });
      throw error;
    }
    if (container.state !== 'created') throw new CriError('failed', 'the container is not in state created');
    container.state = 'running';
    container.startedAtMs = this.#options.clock.now();
    this.calls.push(`startContainer ${container.config.metadata.name}#${container.config.metadata.attempt}`);
    this.#emit(container, 'started');
  }

  async stopContainer(
    id: string,
    timeoutSeconds: number,
    _signal?: AbortSignal,
    stopSignal = '',
  ): Promise<void> {
    this.#mayFail('stopContainer');
    const container = this.#containers.get(id);
    if (container === undefined) return;
    this.calls.push(`stopContainer ${container.config.metadata.name} ${timeoutSeconds} ${stopSignal}`.trim());
    this.exitContainer(id, 143);
  }

  async removeContainer(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container === undefined) return;
    this.exitContainer(id, 137);
    this.#containers.delete(id);
    this.calls.push(`removeContainer ${container.config.metadata.name}#${container.config.metadata.attempt}`);
  }

  async updateContainerResources(id: string, resources: cri.LinuxContainerResources): Promise<void> {
    this.#mayFail('updateContainerResources');
    const container = this.#container(id);
    const { config } = container;
    const { cpuPeriod, cpuQuota, cpuShares, memoryLimitInBytes } = container.resources;
    container.resources = {
      ...resources,
      cpuPeriod: resources.cpuPeriod || cpuPeriod,
      cpuQuota: resources.cpuQuota || cpuQuota,
      cpuShares: resources.cpuShares || cpuShares,
      memoryLimitInBytes: resources.memoryLimitInBytes || memoryLimitInBytes,
    };
    this.calls.push(`updateContainerResources ${config.metadata.name}#${config.metadata.attempt}`);
  }

  /** What the container may use now. */
  resourcesOf(id: string): cri.LinuxContainerResources {
    return this.#container(id).resources;
  }

  async listContainers(filter: cri.ContainerFilter = {}): Promise<readonly cri.RuntimeContainer[]> {
    return [...this.#containers.values()]
      .filter((container) => filter.sandboxId === undefined || container.sandboxId === filter.sandboxId)
      .map((container) => ({
        id: container.id,
        sandboxId: container.sandboxId,
        metadata: container.config.metadata,
        imageRef: container.config.image.image,
        state: container.state,
        createdAtMs: container.createdAtMs,
        labels: container.config.labels,
        annotations: container.config.annotations,
      }))
      .filter((container) => matches(container, filter));
  }

  async containerStatus(id: string): Promise<cri.RuntimeContainerStatus> {
    const container = this.#container(id);
    const { config, state, createdAtMs, startedAtMs, finishedAtMs, exitCode, reason, logPath } = container;
    return {
      id,
      metadata: config.metadata,
      state,
      createdAtMs,
      startedAtMs,
      finishedAtMs,
      exitCode,
      reason,
      message: '',
      image: config.image.userSpecifiedImage ?? config.image.image,
      imageRef: config.image.image,
      labels: config.labels,
      annotations: config.annotations,
      recursiveReadOnlyPaths: config.mounts
        .filter((mount) => mount.recursiveReadOnly === true)
        .map((mount) => mount.containerPath),
      logPath,
    };
  }

  async listContainerStats(filter: cri.ContainerFilter = {}): Promise<readonly cri.RuntimeContainerStats[]> {
    const running = (await this.listContainers(filter)).filter(({ state }) => state === 'running');
    return running.map(({ id, metadata, labels }) => ({
      id,
      metadata,
      labels,
      timestampMs: this.#options.clock.now(),
      cpuNanoseconds: 0,
      workingSetBytes: 0,
      usageBytes: 0,
      rssBytes: 0,
      pageFaults: 0,
      majorPageFaults: 0,
      writableLayer: { mountpoint: '/', usedBytes: 0, usedInodes: 0, ...this.usage.get(metadata.name) },
    }));
  }

  async reopenContainerLog(id: string): Promise<void> {
    if (this.#container(id).state !== 'running') throw new CriError('failed', 'the container is not running');
  }

  async execSync(containerId: string, command: readonly string[]): Promise<cri.ExecResult> {
    if (this.#container(containerId).state !== 'running')
      throw new CriError('failed', 'the container is not running');
    return this.#options.onExec?.(containerId, command) ?? { stdout: '', stderr: '', exitCode: 0 };
  }

  async exec(options: cri.StreamOptions & { readonly command: readonly string[] }): Promise<string> {
    return `http://127.0.0.1:1/exec/${this.#container(options.containerId).id}`;
  }

  async attach(options: cri.StreamOptions): Promise<string> {
    return `http://127.0.0.1:1/attach/${this.#container(options.containerId).id}`;
  }

  async portForward(sandboxId: string): Promise<string> {
    return `http://127.0.0.1:1/portforward/${this.#sandbox(sandboxId).id}`;
  }

  async *events(signal: AbortSignal): AsyncIterable<cri.RuntimeEvent> {
    if (this.#options.events !== true)
      throw new CriError('unimplemented', 'this runtime sends no container events');
    const queue: cri.RuntimeEvent[] = [];
    let wake: () => void = () => undefined;
    const listener = (event: cri.RuntimeEvent): void => {
      queue.push(event);
      wake();
    };
    const stop = (): void => {
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener('abort', stop, { once: true });
    try {
      while (!signal.aborted) {
        const event = queue.shift();
        if (event !== undefined) {
          yield event;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener('abort', stop);
    }
  }

  async listImages(): Promise<readonly cri.RuntimeImage[]> {
    return [...new Set(this.#images.values())];
  }

  async imageStatus(image: string): Promise<cri.RuntimeImage | undefined> {
    return this.#images.get(image);
  }

  async pullImage(image: string): Promise<string> {
    this.#mayFail('pullImage');
    this.calls.push(`pullImage ${image}`);
    if (this.#options.registry?.includes(image) !== true)
      throw new CriError('not-found', `failed to pull and unpack image "${image}": not found`);
    return this.#addImage(image).id;
  }

  async removeImage(image: string): Promise<void> {
    const found = this.#images.get(image);
    if (found === undefined) return;
    for (const [name, one] of this.#images) if (one.id === found.id) this.#images.delete(name);
    this.calls.push(`removeImage ${found.id}`);
  }

  async imageFilesystems(): Promise<cri.ImageFilesystems> {
    return { images: [{ mountpoint: '/', usedBytes: 0, usedInodes: 0 }], containers: [] };
  }

  close(): void {
    // Nothing is held open.
  }

  #addImage(name: string): cri.RuntimeImage {
    const image = { id: `sha256:${name}`, repoTags: [name], repoDigests: [], sizeBytes: 1000, username: '' };
    this.#images.set(name, image);
    this.#images.set(image.id, image);
    return image;
  }

  #hasImage(reference: string): boolean {
    return this.#images.has(reference);
  }

  #newId(prefix: string): string {
    return `${prefix}-${String(this.#next++)}`;
  }

  #mayFail(call: RuntimeCall): void {
    const error = this.#failures.get(call)?.shift();
    if (error !== undefined) throw error;
  }

  #sandbox(id: string): StoredSandbox {
    const sandbox = this.#sandboxes.get(id);
    if (sandbox === undefined) throw new CriError('not-found', `sandbox "${id}" not found`);
    return sandbox;
  }

  #container(id: string): StoredContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new CriError('not-found', `container "${id}" not found`);
    return container;
  }

  #emit(container: StoredContainer, type: cri.RuntimeEvent['type']): void {
    const podUid = this.#sandboxes.get(container.sandboxId)?.config.metadata.uid ?? '';
    for (const listener of this.#listeners) listener({ podUid, containerId: container.id, type });
  }
}

function toSandbox(sandbox: StoredSandbox): cri.Sandbox {
  const { id, config, state, createdAtMs } = sandbox;
  const { metadata, labels, annotations } = config;
  return { id, metadata, state, createdAtMs, labels, annotations };
}

function matches(
  object: { readonly labels: Readonly<Record<string, string>> },
  filter: cri.LabelFilter,
): boolean {
  return Object.entries(filter.labels ?? {}).every(([name, value]) => object.labels[name] === value);
}
