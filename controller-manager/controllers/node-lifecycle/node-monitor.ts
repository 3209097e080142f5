/** Declares silent nodes Unknown, and keeps the taints that follow from a node's conditions. */
import type { Lease } from '../../../api/generated/coordination-v1.js';
import type { Node, Pod } from '../../../api/generated/core-v1.js';
import { findCondition, isPodReady, withCondition } from '../../../api/pod-helpers.js';
import { leases, nodes, pods } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { Controller, ReconcileResult } from '../../../client/controller.js';
import { timestamp } from '../../../client/timestamps.js';
import type { CounterFamily } from '../../../common/metric-cells.js';
import type { Informer } from '../../../client/types.js';
import type { ControllerContext } from '../../controller-definition.js';
import { byNode } from '../indexes.js';
import { changedTaints, readinessOf, silentConditions } from './assess-node.js';
import { Heartbeats } from './heartbeats.js';
import { beginsEviction, createNodeMetrics, zoneOf } from './node-metrics.js';

const leaseNamespace = 'kube-node-lease';
/** A node that has just registered may take longer until it reports for the first time. */
const startupGraceMs = 60_000;

export function createNodeMonitor(context: ControllerContext): Controller {
  const { informers, log, clock, queueMetrics } = context;
  const nodeInformer = informers.informer(nodes);
  const leaseInformer = informers.informer(leases);
  const podInformer = informers.informer(pods, { indexes: byNode });
  const heartbeats = new Heartbeats(clock);
  listen(nodeInformer, leaseInformer, heartbeats, context);
  const monitor = new NodeMonitor(context, nodeInformer, podInformer, heartbeats);
  return createController({
    name: 'node-lifecycle',
    queueName: 'node_lifecycle_controller',
    sources: [
      keysFrom(nodeInformer, undefined, { ignoreUpdate: isOnlyHeartbeat }),
      // Whether Pods are driven off depends on all nodes together.
      {
        whenSynced: (signal) => nodeInformer.whenSynced(signal),
        start: (enqueue) =>
          nodeInformer.addHandler({
            onUpdate: (before, after) => {
              if (readinessOf(before) === readinessOf(after)) return;
              for (const { metadata } of nodeInformer.list()) enqueue(metadata.name);
            },
          }),
      },
    ],
    alsoReads: [leaseInformer, podInformer],
    reconcile: (name, signal) => monitor.reconcile(name, signal),
    log,
    clock,
    queueMetrics,
    concurrency: 4,
  });
}

function listen(
  nodeInformer: Informer<Node>,
  leaseInformer: Informer<Lease>,
  heartbeats: Heartbeats,
  { eventRecorder }: ControllerContext,
): void {
  const recorder = eventRecorder('node-controller');
  const hearNode = (node: Node): void => {
    const ready = findCondition(node.status.conditions, 'Ready');
    // What we wrote ourselves, Unknown, is no sign of life.
    if (ready?.status !== 'Unknown')
      heartbeats.observe(
        node.metadata.name,
        'status',
        `${ready?.lastHeartbeatTime ?? ''}${ready?.status ?? ''}`,
      );
    else heartbeats.observe(node.metadata.name, 'registered', node.metadata.uid);
  };
  const hearLease = ({ metadata, spec }: Lease): void => {
    if (metadata.namespace !== leaseNamespace) return;
    heartbeats.observe(metadata.name, 'lease', spec.renewTime ?? '');
  };
  nodeInformer.addHandler({
    onAdd: (node) => {
      hearNode(node);
      const { name } = node.metadata;
      recorder.event(
        node,
        'Normal',
        'RegisteredNode',
        `Node ${name} event: Registered Node ${name} in Controller`,
      );
    },
    onUpdate: (_, node) => {
      hearNode(node);
    },
    onDelete: (node) => {
      heartbeats.forget(node.metadata.name);
      const { name } = node.metadata;
      recorder.event(
        node,
        'Normal',
        'RemovingNode',
        `Node ${name} event: Removing Node ${name} from Controller`,
      );
    },
  });
  leaseInformer.addHandler({
    onAdd: hearLease,
    onUpdate: (_, lease) => {
      hearLease(lease);
    },
  });
}

class NodeMonitor {
  readonly #context: ControllerContext;
  readonly #nodes: Informer<Node>;
  readonly #pods: Informer<Pod>;
  readonly #heartbeats: Heartbeats;
  readonly #evictions: CounterFamily;

  constructor(
    context: ControllerContext,
    nodeInformer: Informer<Node>,
    podInformer: Informer<Pod>,
    heartbeats: Heartbeats,
  ) {
    this.#context = context;
    this.#nodes = nodeInformer;
    this.#pods = podInformer;
    this.#heartbeats = heartbeats;
    this.#evictions = createNodeMetrics(context.metrics, () => nodeInformer.list());
  }

  async reconcile(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const cached = this.#nodes.get(name);
    if (cached === undefined) return undefined;
    const graceMs = this.#graceMs(cached);
    const silentMs = this.#heartbeats.silentMs(name) ?? 0;
    let node = cached;
    if (silentMs >= graceMs) node = await this.#declareUnknown(cached, signal);
    await this.#taint(node);
    if (readinessOf(node) === 'unknown') await this.#markPodsNotReady(node);
    // Its next heartbeat is not queued; so look again when the present one has aged.
    return silentMs >= graceMs ? undefined : { requeueAfterMs: graceMs - silentMs + 1 };
  }

  #graceMs(node: Node): number {
    const { nodeMonitorGracePeriodMs } = this.#context.settings;
    const hasReported = findCondition(node.status.conditions, 'Ready') !== undefined;
    return hasReported ? nodeMonitorGracePeriodMs : Math.max(startupGraceMs, nodeMonitorGracePeriodMs);
  }

  async #declareUnknown(node: Node, signal: AbortSignal): Promise<Node> {
    const { client, clock, log, eventRecorder } = this.#context;
    const { name } = node.metadata;
    const conditions = silentConditions(node, timestamp(clock.now()));
    if (conditions === node.status.conditions) return node;
    try {
      // Proves that the server answers and that the cache is not what is behind.
      const current = await client.resource(nodes).get({ name }, signal);
      if (current.metadata.resourceVersion !== node.metadata.resourceVersion) return current;
    } catch (error) {
      if (isStatusError(error, 'ServiceUnavailable')) this.#heartbeats.restartAll();
      throw error;
    }
    const wasReady = readinessOf(node) === 'ready';
    const written = await client
      .resource(nodes)
      .updateStatus({ ...node, status: { ...node.status, conditions: [...conditions] } });
    log.warn('node is silent', { node: name, graceMs: this.#graceMs(node) });
    if (wasReady) {
      const message = `Node ${name} status is now: NodeNotReady`;
      eventRecorder('node-controller').event(node, 'Normal', 'NodeNotReady', message);
    }
    return written;
  }

  async #taint(node: Node): Promise<void> {
    const { client, clock } = this.#context;
    const someNodeIsReady = this.#nodes.list().some((one) => readinessOf(one) === 'ready');
    const taints = changedTaints(node, someNodeIsReady, timestamp(clock.now()));
    if (taints === undefined) return;
    const { name, resourceVersion } = node.metadata;
    try {
      // With the version: a list is replaced as a whole, so it must be the list that was looked at.
      await client.resource(nodes).patch({ name }, 'merge', {
        metadata: { resourceVersion },
        spec: { taints: taints.length === 0 ? null : taints },
      });
      if (beginsEviction(node.spec.taints ?? [], taints)) this.#evictions.with(zoneOf(node)).inc();
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }

  /** Nobody else would: the kubelet that reports on these Pods is silent. */
  async #markPodsNotReady(node: Node): Promise<void> {
    const { client, clock } = this.#context;
    for (const pod of this.#pods.byIndex('node', node.metadata.name)) {
      if (!isPodReady(pod)) continue;
      const notReady = { type: 'Ready', status: 'False' };
      const conditions = withCondition(pod.status.conditions, notReady, timestamp(clock.now()));
      try {
        await client
          .resource(pods)
          .updateStatus({ ...pod, status: { ...pod.status, conditions: [...conditions] } });
      } catch (error) {
        if (!isStatusError(error, 'NotFound')) throw error;
      }
    }
  }
}

/** The bulk of a node's updates: nothing but a new time. */
function isOnlyHeartbeat(before: Node, after: Node): boolean {
  if (before.spec !== after.spec && JSON.stringify(before.spec) !== JSON.stringify(after.spec)) return false;
  return conditionSigns(before) === conditionSigns(after);
}

function conditionSigns({ status }: Node): string {
  return (status.conditions ?? []).map((one) => `${one.type}=${one.status}`).join();
}
