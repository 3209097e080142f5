/** A startup gate on a machine of the test's own: its disks, its clock, its Pods. */
import { Registry } from 'prom-client';
import type { Pod } from '../../api/generated/core-v1.js';
import { ManualClock } from '../../common/clock.js';
import { createLogger } from '../../common/log.js';
import { controllerFor } from '../../kubelet/startup/controllers/registry.js';
import type { ControllerMode } from '../../kubelet/startup/controllers/registry.js';
import type { DeviceMeasurement } from '../../kubelet/startup/device-slots.js';
import type { BackingDevice } from '../../kubelet/startup/devices/backing-device.js';
import type { StartupPermit } from '../../kubelet/startup/gate.js';
import { AdmittingGate } from '../../kubelet/startup/startup-gate.js';
import type { StartupGateOptions } from '../../kubelet/startup/startup-gate.js';
import { createStartupMetrics } from '../../kubelet/startup/startup-metrics.js';

export const disk = (key: string): BackingDevice => ({ key, about: `/dev/${key}`, diskstats: [] });

export interface GateWorldOptions {
  readonly mode?: ControllerMode;
  readonly limit?: number;
  readonly more?: Partial<StartupGateOptions>;
}

export class GateWorld {
  readonly clock = new ManualClock();
  readonly events: string[] = [];
  readonly metrics = new Registry();
  readonly gate: AdmittingGate;
  /** What every Pod is charged to, and what single ones are, by name. */
  nodeDevices: readonly BackingDevice[] = [disk('sda')];
  readonly devicesOf = new Map<string, readonly BackingDevice[]>();
  readonly absentImages = new Set<string>();
  readonly measured = new Map<string, DeviceMeasurement>();
  readonly bytes = new Map<string, number>();
  readonly pods = new Map<string, Pod>();
  readonly readyServices = new Set<string>();
  readonly permits = new Map<string, StartupPermit>();
  /** Names in the order in which they were admitted. */
  readonly admitted: string[] = [];
  slowestCallMs = 0;
  samples = 0;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor({ mode = 'Fixed', limit = 1, more = {} }: GateWorldOptions = {}) {
    this.gate = new AdmittingGate({
      nodeName: 'node-1',
      mode,
      controller: controllerFor(mode, { fixedLimit: limit, initialLimit: limit, maxLimit: 0 }),
      limits: { slotTimeoutMs: 600_000, quietPeriodMs: 10_000 },
      surroundings: {
        ofNode: async () => this.nodeDevices,
        of: async ({ metadata: { name } }) => ({
          devices: this.devicesOf.get(name) ?? this.nodeDevices,
          areImagesPresent: !this.absentImages.has(name),
        }),
      },
      sampler: {
        sample: async () => {
          this.samples++;
          return this.measured;
        },
      },
      bytesOf: async ({ metadata: { name } }) => this.bytes.get(name),
      slowestCallMs: () => this.slowestCallMs,
      pods: () => [...this.pods.values()],
      others: {
        refresh: () => undefined,
        isPodReady: () => false,
        isServiceReady: (namespace, name) => this.readyServices.has(`${namespace}/${name}`),
        podsOfService: () => [],
      },
      metrics: createStartupMetrics(this.metrics, () => this.gate.report(false).devices),
      recorder: {
        event: ({ metadata: { name } }, _type, reason, message) => {
          this.events.push(`${name} ${reason}: ${message}`);
        },
      },
      clock: this.clock,
      log: createLogger('test', 'silent'),
      signal: this.#stop.signal,
      ...more,
    });
    this.#running = this.gate.run(this.#stop.signal);
  }

  pod(
    name: string,
    more: { spec?: Partial<Pod['spec']>; metadata?: Partial<Pod['metadata']>; status?: Pod['status'] } = {},
  ): Pod {
    const pod: Pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        ...{ name, namespace: 'default', uid: `uid-${name}`, resourceVersion: '1' },
        creationTimestamp: new Date(this.clock.now()).toISOString(),
        ...more.metadata,
      },
      spec: { containers: [{ name: 'main', image: 'i' }], ...more.spec },
      status: { ...more.status },
    };
    this.pods.set(name, pod);
    return pod;
  }

  /** Lets the Pod ask. What it hears later is in {@link admitted}. */
  ask(pod: Pod, underWaySinceMs?: number): StartupPermit {
    const { name } = pod.metadata;
    const note = (): void => {
      if (this.permits.get(name)?.isAdmitted === true && !this.admitted.includes(name))
        this.admitted.push(name);
    };
    const permit = this.gate.enter({ pod, underWaySinceMs, onChange: note });
    this.permits.set(name, permit);
    note();
    return permit;
  }

  async askAll(names: readonly string[]): Promise<void> {
    for (const name of names) this.ask(this.pod(name));
    await this.settle();
  }

  /** The Pod is ready, and gives its permit back. */
  async ready(name: string): Promise<void> {
    const pod = this.pods.get(name);
    if (pod === undefined) throw new Error(`no pod ${name}`);
    this.pods.set(name, { ...pod, status: { conditions: [{ type: 'Ready', status: 'True' }] } });
    this.permits.get(name)?.release('ready');
    await this.settle();
  }

  /** Lets everything that waits for a promise go on. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  async pass(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 500) {
      this.clock.advance(Math.min(500, ms - passed));
      await this.settle();
    }
  }

  /** Device by device: held/limit, and how many wait. */
  get slots(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      this.gate
        .report(false)
        .devices.map(({ key, held, limit }) => [key, `${String(held)}/${String(limit)}`]),
    );
  }

  get queue(): readonly string[] {
    return this.gate.report(false).queue.map(({ name }) => name);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
