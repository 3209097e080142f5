/** Deletes Pods that do not tolerate a NoExecute taint of their node, at once or when their time is over. */
import { isDeepStrictEqual } from 'node:util';
import type { Node, Pod } from '../../../api/generated/core-v1.js';
import { keyOf } from '../../../api/objects.js';
import { withCondition } from '../../../api/pod-helpers.js';
import { nodes, pods } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { Controller, ReconcileResult } from '../../../client/controller.js';
import { timestamp } from '../../../client/timestamps.js';
import type { ControllerContext } from '../../controller-definition.js';
import { byNode } from '../indexes.js';
import { planEviction } from './plan-eviction.js';

export function createTaintEviction(context: ControllerContext): Controller {
  const { client, informers, log, clock, queueMetrics } = context;
  const nodeInformer = informers.informer(nodes);
  const podInformer = informers.informer(pods, { indexes: byNode });
  const recorder = context.eventRecorder('taint-eviction-controller');

  const drivesOff = (node: Node | undefined): node is Node =>
    node?.spec.taints?.some(({ effect }) => effect === 'NoExecute') === true;

  async function reconcile(key: string): Promise<ReconcileResult | undefined> {
    const pod = podInformer.get(key);
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return undefined;
    const node = nodeInformer.get(pod.spec.nodeName ?? '');
    if (!drivesOff(node)) return undefined;
    const plan = planEviction(pod, node.spec.taints ?? [], clock.now());
    if (plan.kind === 'stay') return undefined;
    const waitMs = plan.at - clock.now();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    await evict(pod);
    return undefined;
  }

  async function evict(pod: Pod): Promise<void> {
    recorder.event(pod, 'Normal', 'TaintManagerEviction', `Marking for deletion Pod ${keyOf(pod)}`);
    try {
      const marked = await client.resource(pods).updateStatus(withDisruption(pod, clock.now()));
      const { uid } = marked.metadata;
      await client.resource(pods).delete(marked.metadata, { preconditions: { uid } });
      log.info('pod is evicted by a taint', { pod: keyOf(pod), node: pod.spec.nodeName });
    } catch (error) {
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }

  return createController({
    name: 'taint-eviction',
    queueName: 'noexec_taint_pod',
    sources: [
      keysFrom(
        podInformer,
        (pod) => (drivesOff(nodeInformer.get(pod.spec.nodeName ?? '')) ? [keyOf(pod)] : []),
        {
          ignoreUpdate: (before, after) =>
            before.spec.nodeName === after.spec.nodeName &&
            isDeepStrictEqual(before.spec.tolerations, after.spec.tolerations),
        },
      ),
      keysFrom(
        nodeInformer,
        (node) => (drivesOff(node) ? podInformer.byIndex('node', node.metadata.name).map(keyOf) : []),
        { ignoreUpdate: (before, after) => isDeepStrictEqual(before.spec.taints, after.spec.taints) },
      ),
    ],
    reconcile,
    log,
    clock,
    queueMetrics,
    concurrency: 4,
  });
}

function withDisruption(pod: Pod, nowMs: number): Pod {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByTaintManager',
    message: 'Taint manager: deleting due to NoExecute taint',
  };
  const conditions = withCondition(pod.status.conditions, condition, timestamp(nowMs));
  return { ...pod, status: { ...pod.status, conditions: [...conditions] } };
}
