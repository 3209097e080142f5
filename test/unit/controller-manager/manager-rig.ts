/** Runs controllers on the in-memory client and a clock that stands still: a cluster to poke at. */
import { Registry } from 'prom-client';
import type { Test } from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Container, Node, Pod, Service } from '../../../api/generated/core-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { nodes, pods, services } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { MemoryClient } from '../../../client/memory-client.js';
import type {
  ControllerDefinition,
  ControllerManagerSettings,
} from '../../../controller-manager/controller-definition.js';
import { runControllers } from '../../../controller-manager/run-controllers.js';
import { settle } from '../client/eventually.js';

export const settings: ControllerManagerSettings = {
  clusterCidr: '10.244.0.0/16',
  nodeCidrMaskSize: 24,
  allocateNodeCidrs: true,
  rootCa: 'the CA',
  nodeMonitorGracePeriodMs: 40_000,
  terminatedPodGcThreshold: 12_500,
};

export interface ManagerRig {
  readonly client: MemoryClient;
  readonly clock: ManualClock;
  /** Moves the clock, then lets everything come to rest. */
  advance(byMs: number): Promise<void>;
  settle(): Promise<void>;
  list<T extends KubernetesObject>(
    resource: ResourceDefinition<T>,
    namespace?: string,
  ): Promise<readonly T[]>;
  /** How many writes of all resources there have been. */
  writes(): number;
  /** Ends the controllers; `start` runs them again on the same cluster, as a new process would. */
  stop(): Promise<void>;
  start(): void;
  /** Of the run that is under way. */
  registry(): Registry;
  /** Its metrics page. */
  metrics(): Promise<string>;
}

export function managerRig(
  t: Pick<Test, 'teardown'>,
  definitions: readonly ControllerDefinition[],
  changed: Partial<ControllerManagerSettings> = {},
): ManagerRig {
  const clock = new ManualClock();
  const client = createMemoryClient({ clock });
  let abort = new AbortController();
  let registry = new Registry();
  let running: Promise<void> = Promise.resolve();
  const rig: ManagerRig = {
    client,
    clock,
    advance: async (byMs) => {
      clock.advance(byMs);
      await settle();
    },
    settle: () => settle(),
    list: async (resource, namespace) =>
      (await client.resource(resource).list(namespace === undefined ? {} : { namespace })).items,
    writes: () => Number(client.resourceVersion),
    registry: () => registry,
    metrics: () => registry.metrics(),
    start: () => {
      abort = new AbortController();
      registry = new Registry();
      running = runControllers(
        {
          client,
          definitions,
          settings: { ...settings, ...changed },
          log: silentLogger,
          clock,
          random: () => 0.5,
          metrics: registry,
        },
        abort.signal,
      );
    },
    stop: async () => {
      abort.abort();
      await running;
    },
  };
  rig.start();
  t.teardown(() => rig.stop());
  return rig;
}

export async function createNode(rig: ManagerRig, name: string, ready = true): Promise<Node> {
  const created = await rig.client.resource(nodes).create({
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels: { 'topology.kubernetes.io/zone': 'z1' } },
    spec: {},
  });
  return postReady(rig, created, ready);
}

/** What a kubelet does: posts its Ready condition with a new time. */
export async function postReady(rig: ManagerRig, node: Node, ready = true): Promise<Node> {
  const latest = await rig.client.resource(nodes).get(node.metadata);
  const time = new Date(rig.clock.now()).toISOString();
  const condition = { type: 'Ready', status: ready ? 'True' : 'False', lastHeartbeatTime: time };
  const posted = await rig.client
    .resource(nodes)
    .updateStatus({ ...latest, status: { ...latest.status, conditions: [condition] } });
  await settle();
  return posted;
}

export async function createService(
  rig: ManagerRig,
  name: string,
  spec: Partial<Service['spec']> = {},
): Promise<Service> {
  const created = await rig.client.resource(services).create({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: {
      selector: { app: name },
      ports: [{ port: 80, targetPort: 8080, protocol: 'TCP' }],
      clusterIP: '10.96.0.9',
      ...spec,
    },
  });
  await settle();
  return created;
}

export interface PodOptions {
  readonly app?: string;
  readonly ip?: string;
  readonly ready?: boolean;
  readonly node?: string;
  readonly phase?: Pod['status']['phase'];
  readonly containers?: Container[];
  readonly spec?: Partial<Pod['spec']>;
  readonly metadata?: Partial<Pod['metadata']>;
}

export async function createPod(rig: ManagerRig, name: string, options: PodOptions = {}): Promise<Pod> {
  const created = await rig.client.resource(pods).create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels: { app: options.app ?? 'web' }, ...options.metadata },
    spec: {
      containers: options.containers ?? [{ name: 'web', image: 'web:1' }],
      ...(options.node === undefined ? {} : { nodeName: options.node }),
      ...options.spec,
    },
  });
  return setPod(rig, created, options);
}

export async function setPod(rig: ManagerRig, pod: Pod, options: PodOptions): Promise<Pod> {
  const latest = await rig.client.resource(pods).get(pod.metadata);
  const { ip, ready, phase } = options;
  const updated = await rig.client.resource(pods).updateStatus({
    ...latest,
    status: {
      ...latest.status,
      ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
      ...(ready === undefined ? {} : { conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] }),
      ...(phase === undefined ? {} : { phase }),
    },
  });
  await settle();
  return updated;
}
