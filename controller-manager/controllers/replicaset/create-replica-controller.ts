/** The loop for ReplicaSets and ReplicationControllers: claim Pods, bring their number to what is asked, report. */
import { controllerOf, keyOf } from '../../../api/objects.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { isPodActive } from '../../../api/pod-helpers.js';
import { pods } from '../../../api/resources.js';
import { matchesLabels } from '../../../api/selectors.js';
import { isStatusError } from '../../../api/status-error.js';
import type { Pod } from '../../../api/generated/core-v1.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { ReconcileResult } from '../../../client/controller.js';
import type { Informer } from '../../../client/types.js';
import type { ControllerContext, RunnableController } from '../../controller-definition.js';
import { claimOwned, ownershipIndexes, planClaims } from '../claim-owned.js';
import { isNamespaceGoing } from '../ensure-in-namespace.js';
import { byNamespace } from '../indexes.js';
import { computeStatus, isStatusCurrent, nextAvailabilityMs } from './compute-status.js';
import type { ReplicaFailure } from './compute-status.js';
import { planReplicas } from './plan-replicas.js';
import { PodExpectations } from './pod-expectations.js';
import { createPods, deletePods } from './pod-writer.js';
import type { WriteFailure } from './pod-writer.js';
import { isSameToReplicas } from './pod-changes.js';
import { desiredReplicas } from './replica-owner.js';
import type { OwnedPods, ReplicaOwner, ReplicaOwnerKind } from './replica-owner.js';

/** An outage must not leave a workload waiting for minutes after it has ended. */
const retryBackoff = { initialMs: 5, maxMs: 15_000, factor: 2 };

export function createReplicaController<T extends ReplicaOwner>(
  kind: ReplicaOwnerKind<T>,
  context: ControllerContext,
): RunnableController {
  const { informers, log, clock, queueMetrics } = context;
  const owners = informers.informer(kind.resource, { indexes: byNamespace });
  const podInformer = informers.informer(pods, { indexes: ownershipIndexes });
  const reconciler = new ReplicaReconciler(kind, context, owners, podInformer);
  return createController({
    name: kind.name,
    queueName: kind.queueName ?? kind.name,
    sources: [
      keysFrom(owners),
      keysFrom(podInformer, (pod) => ownerKeysOf(kind, owners, pod), { ignoreUpdate: isSameToReplicas }),
    ],
    reconcile: (key) => reconciler.reconcile(key),
    log,
    clock,
    queueMetrics,
    concurrency: 5,
    backoff: retryBackoff,
  });
}

/** The owner of a Pod; for an orphan, everybody who could adopt it. */
function ownerKeysOf<T extends ReplicaOwner>(
  kind: ReplicaOwnerKind<T>,
  owners: Informer<T>,
  pod: Pod,
): readonly string[] {
  const { namespace, labels } = pod.metadata;
  const reference = controllerOf(pod);
  if (reference === undefined) {
    if (pod.metadata.deletionTimestamp !== undefined) return [];
    return owners
      .byIndex('namespace', namespace)
      .filter((owner) => matchesLabels(kind.selectorOf(owner), labels))
      .map(keyOf);
  }
  if (reference.kind !== kind.resource.kind) return [];
  const owner = owners.get(`${namespace}/${reference.name}`);
  return owner?.metadata.uid === reference.uid ? [keyOf(owner)] : [];
}

class ReplicaReconciler<T extends ReplicaOwner> {
  readonly #kind: ReplicaOwnerKind<T>;
  readonly #context: ControllerContext;
  readonly #owners: Informer<T>;
  readonly #pods: Informer<Pod>;
  readonly #expectations: PodExpectations;
  readonly #recorder;

  constructor(
    kind: ReplicaOwnerKind<T>,
    context: ControllerContext,
    owners: Informer<T>,
    podInformer: Informer<Pod>,
  ) {
    this.#kind = kind;
    this.#context = context;
    this.#owners = owners;
    this.#pods = podInformer;
    this.#expectations = new PodExpectations(context.clock);
    this.#recorder = context.eventRecorder(kind.eventSource);
    this.#watchExpectations();
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const owner = this.#owners.get(key);
    if (owner === undefined) {
      this.#expectations.forget(key);
      return undefined;
    }
    // Asked before the cache is read: what arrives between the two must not be missed.
    const waitMs = this.#expectations.waitMs(key);
    const owned = await this.#claim(owner);
    const mayWrite = waitMs === 0 && owner.metadata.deletionTimestamp === undefined;
    const outcome = mayWrite ? await this.#bringToCount(owner, owned) : undefined;
    await this.#report(owner, owned, outcome?.failure);
    if (outcome?.error !== undefined && !isNamespaceGoing(outcome.error)) throw outcome.error;
    const nextMs = nextAvailabilityMs(owner, owned.active, this.#context.clock.now());
    const waits = [nextMs, waitMs > 0 ? waitMs : undefined].filter((ms) => ms !== undefined);
    return waits.length === 0 ? undefined : { requeueAfterMs: Math.min(...waits) };
  }

  async #claim(owner: T): Promise<OwnedPods> {
    const client = this.#context.client;
    const plan = planClaims(
      owner,
      this.#kind.selectorOf(owner),
      this.#pods.byIndex('controller', owner.metadata.uid),
      this.#pods.byIndex('orphans', owner.metadata.namespace).filter(isPodActive),
    );
    const readOwner = (): Promise<KubernetesObject> =>
      client.resource(this.#kind.resource).get(owner.metadata);
    const all = await claimOwned({ client: client.resource(pods), owner, readOwner }, plan);
    return { all, active: all.filter(isPodActive) };
  }

  async #bringToCount(
    owner: T,
    { active }: OwnedPods,
  ): Promise<{ readonly error: Error; readonly failure: ReplicaFailure | undefined } | undefined> {
    const { clock, random, client } = this.#context;
    const facts = { nowMs: clock.now(), related: this.#relatedPods(owner) };
    const plan = planReplicas(desiredReplicas(owner), active, facts);
    const template = this.#kind.templateOf(owner);
    const writer = {
      client: client.resource(pods),
      expectations: this.#expectations,
      recorder: this.#recorder,
      random,
    };
    switch (plan.kind) {
      case 'enough':
        return undefined;
      case 'create':
        if (template === undefined) return undefined;
        return outcomeOf('FailedCreate', await createPods(writer, owner, template, plan.count));
      case 'delete':
        return outcomeOf('FailedDelete', await deletePods(writer, owner, plan.pods));
    }
  }

  /** Pods of all owners that have the same controller: old and new ReplicaSets of one Deployment. */
  #relatedPods(owner: T): readonly Pod[] {
    const parent = controllerOf(owner);
    const family =
      parent === undefined
        ? [owner]
        : this.#owners
            .byIndex('namespace', owner.metadata.namespace)
            .filter((other) => controllerOf(other)?.uid === parent.uid);
    return family.flatMap(({ metadata }) => this.#pods.byIndex('controller', metadata.uid));
  }

  async #report(owner: T, owned: OwnedPods, failure: ReplicaFailure | undefined): Promise<void> {
    const client = this.#context.client.resource(this.#kind.resource);
    const status = computeStatus(owner, {
      template: this.#kind.templateOf(owner),
      pods: owned,
      failure,
      nowMs: this.#context.clock.now(),
    });
    if (isStatusCurrent(owner, status, this.#kind.showsTerminating)) return;
    try {
      await client.updateStatus(this.#kind.withStatus(owner, status));
    } catch (error) {
      // Deleted meanwhile. A Conflict goes to the loop, which tries again with a newer cache.
      if (!isStatusError(error, 'NotFound')) throw error;
    }
  }

  /** Strikes out what the cache shows. Registered before the keys are queued, so that a queued key finds it done. */
  #watchExpectations(): void {
    const ownerKey = (pod: Pod): string | undefined => {
      const reference = controllerOf(pod);
      if (reference?.kind !== this.#kind.resource.kind) return undefined;
      return `${pod.metadata.namespace}/${reference.name}`;
    };
    const see = (pod: Pod): void => {
      const key = ownerKey(pod);
      if (key === undefined) return;
      this.#expectations.sawPod(key, pod.metadata.name);
      if (pod.metadata.deletionTimestamp !== undefined) this.#expectations.sawDeletion(key, pod.metadata.uid);
    };
    this.#pods.addHandler({
      onAdd: see,
      onUpdate: (before, after) => {
        see(after);
        // Released: it does not count any more, whoever asked for its deletion.
        const was = ownerKey(before);
        if (was !== undefined && was !== ownerKey(after))
          this.#expectations.sawDeletion(was, after.metadata.uid);
      },
      onDelete: (pod) => {
        const key = ownerKey(pod);
        if (key === undefined) return;
        this.#expectations.sawPod(key, pod.metadata.name);
        this.#expectations.sawDeletion(key, pod.metadata.uid);
      },
    });
  }
}

/** An outage of the server is not the owner's fault and goes into no condition. */
function outcomeOf(
  reason: ReplicaFailure['reason'],
  result: WriteFailure,
): { readonly error: Error; readonly failure: ReplicaFailure | undefined } | undefined {
  if (result === undefined) return undefined;
  const { error } = result;
  if (isStatusError(error, 'ServiceUnavailable')) return { error, failure: undefined };
  return { error, failure: { reason, message: error.message } };
}
