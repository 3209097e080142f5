/** Rolls out what Deployments describe, by growing and shrinking ReplicaSets. */
import { controllerOf, keyOf } from '../../../api/objects.js';
import { deployments, pods, replicaSets } from '../../../api/resources.js';
import { matchesLabels, selectorFromObject } from '../../../api/selectors.js';
import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.js';
import type { Pod } from '../../../api/generated/core-v1.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { KeySource } from '../../../client/controller.js';
import type { Informer } from '../../../client/types.js';
import type { ControllerDefinition } from '../../controller-definition.js';
import { ownershipIndexes } from '../claim-owned.js';
import { byNamespace } from '../indexes.js';
import { deploymentOf, DeploymentReconciler } from './reconcile-deployment.js';

/** An outage must not leave a rollout waiting for minutes after it has ended. */
const retryBackoff = { initialMs: 5, maxMs: 15_000, factor: 2 };

export const deploymentController: ControllerDefinition = {
  name: 'deployment',
  create({ client, informers, log, clock, queueMetrics, eventRecorder }) {
    const deploymentInformer = informers.informer(deployments, { indexes: byNamespace });
    const replicaSetInformer = informers.informer(replicaSets, { indexes: ownershipIndexes });
    const podInformer = informers.informer(pods, { indexes: ownershipIndexes });
    const reconciler = new DeploymentReconciler({
      client,
      recorder: eventRecorder('deployment-controller'),
      clock,
      deployments: deploymentInformer,
      replicaSets: replicaSetInformer,
      pods: podInformer,
    });
    return createController({
      name: 'deployment',
      sources: [
        keysFrom(deploymentInformer),
        keysFrom(replicaSetInformer, (replicaSet) => keysOf(deploymentInformer, replicaSet)),
        deletedPods(podInformer, replicaSetInformer),
      ],
      reconcile: (key) => reconciler.reconcile(key),
      log,
      clock,
      queueMetrics,
      concurrency: 5,
      backoff: retryBackoff,
    });
  },
};

/** The Deployment of a ReplicaSet; for an orphan, everybody who could adopt it. */
function keysOf(informer: Informer<Deployment>, replicaSet: ReplicaSet): readonly string[] {
  const { namespace, labels } = replicaSet.metadata;
  const owner = deploymentOf(replicaSet);
  if (owner !== undefined) {
    const deployment = informer.get(`${namespace}/${owner.name}`);
    return deployment?.metadata.uid === owner.uid ? [keyOf(deployment)] : [];
  }
  if (controllerOf(replicaSet) !== undefined) return [];
  return informer
    .byIndex('namespace', namespace)
    .filter(({ spec }) => matchesLabels(selectorFromObject(spec.selector), labels))
    .map(keyOf);
}

/** Recreate waits for the last old Pod: only that a Pod is gone matters here, the rest ReplicaSets report. */
function deletedPods(podInformer: Informer<Pod>, replicaSetInformer: Informer<ReplicaSet>): KeySource {
  return {
    whenSynced: (signal) => podInformer.whenSynced(signal),
    start: (enqueue) =>
      podInformer.addHandler({
        onDelete: (pod) => {
          const owner = controllerOf(pod);
          if (owner?.kind !== 'ReplicaSet') return;
          const { namespace } = pod.metadata;
          const replicaSet = replicaSetInformer.get(`${namespace}/${owner.name}`);
          const deployment = replicaSet === undefined ? undefined : deploymentOf(replicaSet);
          if (deployment !== undefined) enqueue(`${namespace}/${deployment.name}`);
        },
      }),
  };
}
