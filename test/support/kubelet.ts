/** A kubelet inside of the test's process, with an in-memory apiserver and any runtime. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Registry } from 'prom-client';
import type { Event, Node, Pod, PodSpec } from '../../api/generated/core-v1.js';
import { events, nodes, pods } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import { createEventBroadcaster } from '../../client/event-recorder.js';
import { createInformerFactory } from '../../client/informer.js';
import { createMemoryClient } from '../../client/memory-client.js';
import type { ApiClient } from '../../client/types.js';
import { systemClock } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import type { LogLevel } from '../../common/log.js';
import { decodeConfiguration } from '../../kubelet/config/decode-configuration.js';
import type { CgroupManager } from '../../kubelet/containers/cgroups.js';
import type { ContainerRuntime } from '../../kubelet/cri/runtime.js';
import type { Measurer } from '../../kubelet/eviction/measure.js';
import { runKubelet } from '../../kubelet/kubelet.js';
import type { KubeletParts } from '../../kubelet/kubelet-parts.js';
import type { StartupMachine } from '../../kubelet/startup/create-gate.js';
import { openGate } from '../../kubelet/startup/gate.js';
import type { StartupGate } from '../../kubelet/startup/gate.js';
import { mountOf } from '../../kubelet/volumes/mount-table.js';
import type { MountEntry } from '../../kubelet/volumes/mount-table.js';
import type { Mounter, MountRequest } from '../../kubelet/volumes/mounter.js';
import { testPki } from './pki.js';
import type { TestPki } from './pki.js';

export interface TestKubeletOptions {
  /** An apiserver in memory when absent. */
  readonly client?: ApiClient;
  /** What the kubelet itself uses, when that is another one than the test's. */
  readonly kubeletClient?: ApiClient;
  readonly runtime: ContainerRuntime;
  /** Where it keeps its files, when another process has it after this one; one of its own when absent. */
  readonly folder?: string;
  readonly cgroups?: CgroupManager;
  readonly mounter?: Mounter;
  /** All start at once when neither is given. */
  readonly gate?: StartupGate | 'of the configuration';
  readonly startup?: StartupMachine;
  readonly logLevel?: LogLevel;
  /** Keys of KubeletConfiguration as in a file. */
  readonly configuration?: Readonly<Record<string, unknown>>;
  readonly measurer?: Measurer;
  readonly evictionIntervalMs?: number;
  readonly isMachineGoingDown?: () => Promise<boolean>;
}

/** Remembers mounts, makes none. */
export class MemoryMounter implements Mounter {
  readonly #mounts: MountEntry[] = [];
  #lastId = 0;

  get points(): readonly string[] {
    return this.#mounts.map(({ path }) => path);
  }

  async mount({ type, source, target }: MountRequest): Promise<void> {
    this.#mounts.push({
      id: String(++this.#lastId),
      parentId: mountOf(this.#mounts, target)?.id ?? '0',
      path: target,
      root: '/',
      device: '0:0',
      type,
      source,
      superOptions: 'rw',
      isShared: false,
      isSlave: false,
    });
  }

  async unmount(path: string): Promise<void> {
    for (let index = this.#mounts.length - 1; index >= 0; index--)
      if (this.#mounts[index]?.path === path) this.#mounts.splice(index, 1);
  }

  async mounts(): Promise<readonly MountEntry[]> {
    return [...this.#mounts];
  }
}

export const noCgroups: CgroupManager = {
  version: 1,
  has: () => false,
  pathOf: (pod) => `/kubepods/pod${pod.metadata.uid}`,
  ensure: async () => undefined,
  limits: async () => undefined,
  remove: async () => undefined,
  list: async () => [],
  ensureRoot: async () => undefined,
  setQosShares: async () => undefined,
  limitForeign: async () => undefined,
  usage: async () => undefined,
  totalUsage: async () => undefined,
};

/** One node: the apiserver and the folders outlive the kubelet, which may be stopped and started again. */
export class TestNode {
  readonly client: ApiClient;
  readonly folder: string;
  readonly mounter: Mounter;
  readonly #options: TestKubeletOptions;
  #stop: (() => Promise<void>) | undefined;
  pki: TestPki | undefined;
  port = 0;

  constructor(options: TestKubeletOptions) {
    this.#options = options;
    this.folder = options.folder ?? mkdtempSync(join(tmpdir(), 'knarr-kubelet-'));
    this.client = options.client ?? createMemoryClient();
    this.mounter = options.mounter ?? new MemoryMounter();
  }

  get rootDir(): string {
    return join(this.folder, 'root');
  }

  get podLogsDir(): string {
    return join(this.folder, 'logs');
  }

  /** Resolves when the server listens. */
  async start(): Promise<void> {
    this.pki ??= await testPki(join(this.folder, 'pki'));
    const server = this.pki.pair('kubelet-server');
    const log = createLogger('kubelet', this.#options.logLevel ?? 'silent');
    const abort = new AbortController();
    const client = this.#options.kubeletClient ?? this.client;
    const informers = createInformerFactory({ client, log });
    const broadcaster = createEventBroadcaster({ client, log });
    let serving: (port: number) => void = () => undefined;
    const listening = new Promise<number>((resolve) => {
      serving = resolve;
    });
    const settings = {
      nodeName: 'node-1',
      nodeIp: '127.0.0.1',
      rootDir: this.rootDir,
      network: { confDir: join(this.folder, 'cni'), dataDir: join(this.folder, 'ipam'), bridge: 'knarr0' },
      certificates: { cert: server.certificate, key: server.privateKey, clientCa: this.pki.authority },
      configuration: {
        // How full the disk of the test's machine is must not matter.
        ...decodeConfiguration({
          evictionHard: {},
          imageGCHighThresholdPercent: 100,
          ...this.#options.configuration,
        }).configuration,
        ...{ address: '127.0.0.1', port: 0, podLogsDir: this.podLogsDir },
      },
    };
    const parts: KubeletParts = {
      client,
      informers,
      recorder: broadcaster.recorder('kubelet', 'node-1'),
      runtime: this.#options.runtime,
      cgroups: this.#options.cgroups ?? noCgroups,
      mounter: this.mounter,
      ...gateOf(this.#options),
      clock: systemClock,
      log,
      metrics: new Registry(),
      ...(this.#options.measurer === undefined ? {} : { measurer: this.#options.measurer }),
      ...(this.#options.evictionIntervalMs === undefined
        ? {}
        : { evictionIntervalMs: this.#options.evictionIntervalMs }),
      ...(this.#options.isMachineGoingDown === undefined
        ? {}
        : { isMachineGoingDown: this.#options.isMachineGoingDown }),
    };
    const work = Promise.all([
      runKubelet(settings, parts, abort.signal, serving),
      informers.run(abort.signal),
      broadcaster.run(abort.signal),
    ]);
    this.#stop = async () => {
      abort.abort();
      await work;
    };
    this.port = await Promise.race([
      listening,
      work.then(() => Promise.reject(new Error('the kubelet ended'))),
    ]);
  }

  async stop(): Promise<void> {
    await this.#stop?.();
    this.#stop = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }

  async createPod(
    name: string,
    spec: Partial<PodSpec>,
    metadata: Partial<Pod['metadata']> = {},
  ): Promise<Pod> {
    return this.client.resource(pods).create({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'default', ...metadata },
      spec: { containers: [], nodeName: 'node-1', terminationGracePeriodSeconds: 1, ...spec },
    });
  }

  async pod(name: string): Promise<Pod | undefined> {
    return this.client
      .resource(pods)
      .get({ namespace: 'default', name })
      .catch((error: unknown) => {
        if (isStatusError(error, 'NotFound')) return undefined;
        throw error;
      });
  }

  async node(): Promise<Node | undefined> {
    return (await this.client.resource(nodes).list()).items[0];
  }

  async events(reason: string): Promise<readonly Event[]> {
    return (await this.client.resource(events).list()).items.filter((event) => event.reason === reason);
  }

  /** The Pod once it is as wanted. Rejects with what it is instead after the time is over. */
  async untilPod(name: string, wanted: (pod: Pod) => boolean, timeoutMs = 15_000): Promise<Pod> {
    return until(
      async () => {
        const pod = await this.pod(name);
        return pod !== undefined && wanted(pod) ? pod : undefined;
      },
      async () => JSON.stringify((await this.pod(name))?.status, undefined, 1),
      timeoutMs,
    );
  }

  async untilGone(name: string, timeoutMs = 15_000): Promise<void> {
    await until(
      async () => ((await this.pod(name)) === undefined ? true : undefined),
      async () => `${name} is still there`,
      timeoutMs,
    );
  }
}

function gateOf({ gate, startup }: TestKubeletOptions): Pick<KubeletParts, 'gate' | 'startup'> {
  if (startup !== undefined) return { startup };
  return gate === 'of the configuration' ? {} : { gate: gate ?? openGate };
}

/** Asks until there is an answer. */
export async function until<T>(
  ask: () => Promise<T | undefined> | T | undefined,
  describe: () => Promise<string> | string,
  timeoutMs = 15_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain: ${await describe()}`);
    await delay(5);
  }
}

export function isRunning(pod: Pod): boolean {
  return pod.status.phase === 'Running';
}

export function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}

export function isReadyNode(node: Node): boolean {
  return node.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
}
