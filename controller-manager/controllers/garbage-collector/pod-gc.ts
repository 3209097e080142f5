/**
 * Deletes Pods that nobody else will: on a node that is gone, being deleted without ever having had a node, and the
 * oldest of too many finished ones. Keys: `node/<name>`, `unbound/<pod key>` and `finished`.
 */
import type { Pod } from '../../../api/generated/core-v1.js';
import { keyOf } from '../../../api/objects.js';
import { isPodTerminal, withCondition } from '../../../api/pod-helpers.js';
import { nodes, pods } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ReconcileResult } from '../../../client/controller.js';
import { timestamp } from '../../../client/timestamps.js';
import type { ControllerContext, ControllerDefinition } from '../../controller-definition.js';
import { byNode } from '../indexes.js';
import { chooseTerminatedPods } from './choose-terminated-pods.js';

/** A node that is missing may be registered again; its Pods are safe for so long. */
const quarantineMs = 40_000;
const onNode = 'node/';
const unbound = 'unbound/';
const finished = 'finished';

export const podGarbageCollector: ControllerDefinition = {
  name: 'pod-garbage-collector',
  create(context) {
    const { informers, log, clock, queueMetrics, settings } = context;
    const nodeInformer = informers.informer(nodes);
    const podInformer = informers.informer(pods, { indexes: byNode });
    /** Since when a node is known to be missing, on the monotonic clock. */
    const missingSince = new Map<string, number>();

    async function collectFromNode(name: string, signal: AbortSignal): Promise<ReconcileResult | undefined> {
      const left = podInformer.byIndex('node', name);
      if (nodeInformer.get(name) !== undefined || left.length === 0) {
        missingSince.delete(name);
        return undefined;
      }
      const now = clock.monotonicMs();
      const since = missingSince.get(name) ?? now;
      missingSince.set(name, since);
      if (now - since < quarantineMs) return { requeueAfterMs: since + quarantineMs - now };
      if (await nodeExists(context, name, signal)) return { requeueAfterMs: quarantineMs };
      for (const pod of left) await deleteForGood(context, await asLost(context, pod));
      return undefined;
    }

    return createController({
      name: 'pod-garbage-collector',
      sources: [
        keysFrom(nodeInformer, ({ metadata }) => [onNode + metadata.name], { ignoreUpdate: () => true }),
        keysFrom(podInformer, keysOfPod, { ignoreUpdate: isSameToCollector }),
      ],
      async reconcile(key, signal) {
        if (key === finished) {
          for (const pod of chooseTerminatedPods(podInformer.list(), settings.terminatedPodGcThreshold))
            await deleteForGood(context, pod);
        } else if (key.startsWith(unbound)) {
          const pod = podInformer.get(key.slice(unbound.length));
          if (pod !== undefined && isLeavingUnbound(pod)) await deleteForGood(context, pod);
        } else return collectFromNode(key.slice(onNode.length), signal);
        return undefined;
      },
      log,
      clock,
      queueMetrics,
    });

    function keysOfPod(pod: Pod): string[] {
      const keys: string[] = [];
      const node = pod.spec.nodeName ?? '';
      if (node !== '' && nodeInformer.get(node) === undefined) keys.push(onNode + node);
      if (isLeavingUnbound(pod)) keys.push(unbound + keyOf(pod));
      if (settings.terminatedPodGcThreshold > 0 && isPodTerminal(pod)) keys.push(finished);
      return keys;
    }
  },
};

function isLeavingUnbound(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp !== undefined && (pod.spec.nodeName ?? '') === '';
}

function isSameToCollector(before: Pod, after: Pod): boolean {
  return (
    before.spec.nodeName === after.spec.nodeName &&
    isPodTerminal(before) === isPodTerminal(after) &&
    before.metadata.deletionTimestamp === after.metadata.deletionTimestamp
  );
}

async function nodeExists(
  { client }: ControllerContext,
  name: string,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await client.resource(nodes).get({ name }, signal);
    return true;
  } catch (error) {
    if (isStatusError(error, 'NotFound')) return false;
    throw error;
  }
}

/** Says on the Pod what happened to it: its controller and its owner may still look. */
async function asLost({ client, clock }: ControllerContext, pod: Pod): Promise<Pod> {
  if (isPodTerminal(pod)) return pod;
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
  };
  const conditions = withCondition(pod.status.conditions, condition, timestamp(clock.now()));
  try {
    return await client
      .resource(pods)
      .updateStatus({ ...pod, status: { ...pod.status, phase: 'Failed', conditions: [...conditions] } });
  } catch (error) {
    if (isStatusError(error, 'NotFound')) return pod;
    throw error;
  }
}

/** Without a grace period: no kubelet would confirm its end. */
async function deleteForGood({ client, log }: ControllerContext, pod: Pod): Promise<void> {
  try {
    const { uid } = pod.metadata;
    await client.resource(pods).delete(pod.metadata, { gracePeriodSeconds: 0, preconditions: { uid } });
    log.info('pod is deleted: nobody else would', { pod: keyOf(pod), node: pod.spec.nodeName });
  } catch (error) {
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}
