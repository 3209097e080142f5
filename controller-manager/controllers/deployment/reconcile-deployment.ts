/** One reconciliation of a Deployment: find its ReplicaSets, take the next step, report. */
import { isDeepStrictEqual } from 'node:util';
import { controllerOf } from '../../../api/objects.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { isPodTerminal } from '../../../api/pod-helpers.js';
import { deployments, replicaSets } from '../../../api/resources.js';
import { selectorFromObject } from '../../../api/selectors.js';
import { isStatusError } from '../../../api/status-error.js';
import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../../api/generated/apps-v1.js';
import type { Pod } from '../../../api/generated/core-v1.js';
import type { ReconcileResult } from '../../../client/controller.js';
import type { ApiClient, EventRecorder, Informer } from '../../../client/types.js';
import type { Clock } from '../../../common/clock.js';
import { claimOwned, planClaims } from '../claim-owned.js';
import { isNamespaceGoing } from '../ensure-in-namespace.js';
import {
  computeCounts,
  computeRolloutStatus,
  hasProgressDeadline,
  isComplete,
  pauseConditions,
  progressDeadlineMs,
} from './compute-status.js';
import { conditionOf, reasons, setCondition } from './deployment-conditions.js';
import { planCleanup } from './plan-cleanup.js';
import {
  nextSizeOfCurrent,
  planRecreateStart,
  planRecreateTeardown,
  planRollingUpdate,
} from './plan-rollout.js';
import type { Resize } from './plan-rollout.js';
import { planScaling, wasScaled } from './plan-scaling.js';
import { familyOf } from './replica-set-family.js';
import type { ReplicaSetFamily } from './replica-set-family.js';
import {
  createReplicaSet,
  deleteReplicaSets,
  draftReplicaSet,
  resizeReplicaSet,
  updateCurrentReplicaSet,
} from './replica-set-writer.js';
import { maxRevision, revisionAnnotation } from './revision-annotations.js';
import { isRollingUpdate } from './rollout-limits.js';

export interface DeploymentReconcilerOptions {
  readonly client: ApiClient;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly deployments: Informer<Deployment>;
  /** With the indexes of ownership. */
  readonly replicaSets: Informer<ReplicaSet>;
  /** With the indexes of ownership. */
  readonly pods: Informer<Pod>;
}

export class DeploymentReconciler {
  readonly #options: DeploymentReconcilerOptions;

  constructor(options: DeploymentReconcilerOptions) {
    this.#options = options;
  }

  async reconcile(key: string): Promise<ReconcileResult | undefined> {
    const cached = this.#options.deployments.get(key);
    if (cached === undefined) return undefined;
    if (selectsEverything(cached)) return this.#refuse(cached);
    const owned = await this.#claim(cached);
    if (cached.metadata.deletionTimestamp !== undefined) {
      await this.#writeStatus(cached, computeCounts(cached, familyOf(cached, owned), this.#nowMs));
      return undefined;
    }
    const deployment = await this.#notePause(cached);
    const family = familyOf(deployment, owned);
    if (deployment.spec.paused === true || wasScaled(deployment, family))
      return this.#scale(deployment, family);
    return isRollingUpdate(deployment)
      ? this.#rollOut(deployment, family)
      : this.#recreate(deployment, family);
  }

  get #nowMs(): number {
    return this.#options.clock.now();
  }

  async #claim(deployment: Deployment): Promise<readonly ReplicaSet[]> {
    const { client, replicaSets: informer } = this.#options;
    const plan = planClaims(
      deployment,
      selectorFromObject(deployment.spec.selector),
      informer.byIndex('controller', deployment.metadata.uid),
      informer.byIndex('orphans', deployment.metadata.namespace),
    );
    const readOwner = (): Promise<KubernetesObject> => client.resource(deployments).get(deployment.metadata);
    return claimOwned({ client: client.resource(replicaSets), owner: deployment, readOwner }, plan);
  }

  /** A selector that selects every Pod of the namespace would take over what belongs to others. */
  async #refuse(deployment: Deployment): Promise<undefined> {
    const message = 'This deployment is selecting all pods. A non-empty selector is required.';
    this.#options.recorder.event(deployment, 'Warning', 'SelectingAll', message);
    const { generation = 0 } = deployment.metadata;
    if ((deployment.status.observedGeneration ?? 0) < generation)
      await this.#writeStatus(deployment, { ...deployment.status, observedGeneration: generation });
    return undefined;
  }

  async #notePause(deployment: Deployment): Promise<Deployment> {
    const conditions = pauseConditions(deployment, this.#nowMs);
    return conditions === undefined ? deployment : this.#writeConditions(deployment, conditions);
  }

  /** The Deployment was scaled, or is paused: sizes follow, but no new template is rolled out. */
  async #scale(deployment: Deployment, family: ReplicaSetFamily): Promise<ReconcileResult | undefined> {
    const synced = await this.#syncRevision(deployment, family);
    const resized = await this.#resize(
      synced.deployment,
      synced.family,
      planScaling(deployment, synced.family),
    );
    if (deployment.spec.paused === true)
      await deleteReplicaSets(this.#options, planCleanup(deployment, resized.old));
    return this.#writeStatus(synced.deployment, computeCounts(synced.deployment, resized, this.#nowMs));
  }

  async #rollOut(deployment: Deployment, family: ReplicaSetFamily): Promise<ReconcileResult | undefined> {
    const synced = await this.#ensureCurrent(deployment, family);
    if (synced === undefined) return undefined;
    const steps = planRollingUpdate(synced.deployment, synced.family);
    return this.#step(synced.deployment, synced.family, steps);
  }

  async #recreate(deployment: Deployment, family: ReplicaSetFamily): Promise<ReconcileResult | undefined> {
    const synced = await this.#syncRevision(deployment, family);
    const teardown = planRecreateTeardown(synced.family);
    if (teardown.length > 0 || this.#hasOldPods(synced.family))
      return this.#step(synced.deployment, synced.family, teardown);
    const started = await this.#ensureCurrent(synced.deployment, synced.family);
    if (started?.family.current === undefined) return undefined;
    const steps = planRecreateStart(started.deployment, started.family.current);
    return this.#step(started.deployment, started.family, steps);
  }

  /** Also while they stop: with Recreate two versions never run side by side. */
  #hasOldPods({ old }: ReplicaSetFamily): boolean {
    return old.some(
      ({ metadata, status }) =>
        status.replicas > 0 ||
        this.#options.pods.byIndex('controller', metadata.uid).some((pod) => !isPodTerminal(pod)),
    );
  }

  async #step(
    deployment: Deployment,
    family: ReplicaSetFamily,
    steps: readonly Resize[],
  ): Promise<ReconcileResult | undefined> {
    const resized = await this.#resize(deployment, family, steps);
    if (steps.length === 0 && isComplete(deployment, deployment.status))
      await deleteReplicaSets(this.#options, planCleanup(deployment, resized.old));
    return this.#writeStatus(deployment, computeRolloutStatus(deployment, resized, this.#nowMs));
  }

  async #resize(
    deployment: Deployment,
    family: ReplicaSetFamily,
    steps: readonly Resize[],
  ): Promise<ReplicaSetFamily> {
    const written = new Map<ReplicaSet, ReplicaSet>();
    for (const step of steps)
      written.set(step.replicaSet, await resizeReplicaSet(this.#options, deployment, step));
    return withReplaced(family, written);
  }

  /** Gives the current ReplicaSet, where there is one, its revision, and the Deployment the same. */
  async #syncRevision(deployment: Deployment, family: ReplicaSetFamily): Promise<Synced> {
    const { current, old } = family;
    if (current === undefined) return { deployment, family };
    const revision = maxRevision(old) + 1;
    const updated = await updateCurrentReplicaSet(this.#options, deployment, current, revision);
    let synced = await this.#writeRevision(deployment, updated);
    const conditions = synced.status.conditions ?? [];
    if (hasProgressDeadline(synced) && conditionOf(conditions, 'Progressing') === undefined) {
      const message = `Found new replica set "${updated.metadata.name}"`;
      synced = await this.#writeProgress(synced, 'True', reasons.newReplicaSetFound, message);
    }
    return { deployment: synced, family: withReplaced(family, new Map([[current, updated]])) };
  }

  /** Like {@link #syncRevision}, and makes the current ReplicaSet when there is none. Undefined: come back later. */
  async #ensureCurrent(deployment: Deployment, family: ReplicaSetFamily): Promise<Synced | undefined> {
    if (family.current !== undefined) return this.#syncRevision(deployment, family);
    const size = nextSizeOfCurrent(deployment, family.all, undefined);
    const result = await this.#create(deployment, size, maxRevision(family.old) + 1);
    if (result === undefined) return undefined;
    const { replicaSet, created } = result;
    let synced = await this.#writeRevision(deployment, replicaSet);
    if (created && hasProgressDeadline(synced)) {
      const message = `Created new replica set "${replicaSet.metadata.name}"`;
      synced = await this.#writeProgress(synced, 'True', reasons.newReplicaSetCreated, message);
    }
    const all = [...family.all, replicaSet];
    return { deployment: synced, family: { current: replicaSet, old: family.old, all } };
  }

  async #create(
    deployment: Deployment,
    size: number,
    revision: number,
  ): Promise<{ readonly replicaSet: ReplicaSet; readonly created: boolean } | undefined> {
    try {
      const result = await createReplicaSet(this.#options, deployment, size, revision);
      if (result.kind !== 'collision')
        return { replicaSet: result.replicaSet, created: result.kind === 'created' };
      // The new status brings the key back, and with it another hash.
      const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
      await this.#writeStatus(deployment, { ...deployment.status, collisionCount });
      return undefined;
    } catch (error) {
      if (isNamespaceGoing(error)) return undefined;
      if (isStatusError(error) && error.reason !== 'ServiceUnavailable') {
        const name = draftReplicaSet(deployment, size, revision).metadata.name ?? '';
        const message = `Failed to create new replica set "${name}": ${error.message}`;
        this.#options.recorder.event(deployment, 'Warning', reasons.replicaSetCreateError, message);
        if (hasProgressDeadline(deployment))
          await this.#writeProgress(deployment, 'False', reasons.replicaSetCreateError, message);
      }
      throw error;
    }
  }

  /** In an annotation of the Deployment, as a patch of its own: the status subresource does not carry metadata. */
  async #writeRevision(deployment: Deployment, current: ReplicaSet): Promise<Deployment> {
    const revision = current.metadata.annotations?.[revisionAnnotation];
    if (revision === undefined || deployment.metadata.annotations?.[revisionAnnotation] === revision)
      return deployment;
    const { uid } = deployment.metadata;
    const patch = { metadata: { uid, annotations: { [revisionAnnotation]: revision } } };
    const written = await this.#options.client
      .resource(deployments)
      .patch(deployment.metadata, 'merge', patch);
    return afterWrite(deployment, written);
  }

  async #writeProgress(
    deployment: Deployment,
    status: 'True' | 'False',
    reason: string,
    message: string,
  ): Promise<Deployment> {
    const conditions = setCondition(
      deployment.status.conditions ?? [],
      { type: 'Progressing', status, reason, message },
      this.#nowMs,
    );
    return this.#writeConditions(deployment, conditions);
  }

  async #writeConditions(
    deployment: Deployment,
    conditions: readonly DeploymentCondition[],
  ): Promise<Deployment> {
    if (conditions === deployment.status.conditions) return deployment;
    const status = { ...deployment.status, conditions: [...conditions] };
    const written = await this.#options.client.resource(deployments).updateStatus({ ...deployment, status });
    return afterWrite(deployment, written);
  }

  /** Writes the status when it differs, and comes back when the deadline of the rollout will be over. */
  async #writeStatus(deployment: Deployment, status: DeploymentStatus): Promise<ReconcileResult | undefined> {
    if (!isSameStatus(deployment.status, status)) {
      try {
        await this.#options.client.resource(deployments).updateStatus({ ...deployment, status });
      } catch (error) {
        if (!isStatusError(error, 'NotFound')) throw error;
      }
    }
    const deadline = progressDeadlineMs(deployment, status.conditions ?? []);
    if (deadline === undefined || isComplete(deployment, status)) return undefined;
    // Timestamps have whole seconds: one more, so that the deadline is over then.
    return { requeueAfterMs: Math.max(1_000, deadline - this.#nowMs + 1_000) };
  }
}

interface Synced {
  readonly deployment: Deployment;
  readonly family: ReplicaSetFamily;
}

/**
 * The Deployment as written, but with the spec that this reconciliation began with: somebody may have changed it in
 * between, and what was decided for the old one must not be reported as done for the new one.
 */
function afterWrite({ spec, metadata }: Deployment, written: Deployment): Deployment {
  const { generation } = metadata;
  return {
    ...written,
    metadata: { ...written.metadata, ...(generation === undefined ? {} : { generation }) },
    spec,
  };
}

function selectsEverything({ spec }: Deployment): boolean {
  return (
    Object.keys(spec.selector.matchLabels ?? {}).length === 0 &&
    (spec.selector.matchExpressions ?? []).length === 0
  );
}

function withReplaced(
  { current, old, all }: ReplicaSetFamily,
  written: ReadonlyMap<ReplicaSet, ReplicaSet>,
): ReplicaSetFamily {
  const latest = (replicaSet: ReplicaSet): ReplicaSet => written.get(replicaSet) ?? replicaSet;
  return {
    current: current === undefined ? undefined : latest(current),
    old: old.map(latest),
    all: all.map(latest),
  };
}

/** Counts that are zero may be absent in what the server answers. */
function isSameStatus(a: DeploymentStatus, b: DeploymentStatus): boolean {
  const comparable = ({ conditions = [], ...counts }: DeploymentStatus): unknown => [
    Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    [...conditions].sort((x, y) => (x.type < y.type ? -1 : 1)),
  ];
  return isDeepStrictEqual(comparable(a), comparable(b));
}

/** The Deployment that a ReplicaSet belongs to, if any. */
export function deploymentOf(replicaSet: ReplicaSet): { name: string; uid: string } | undefined {
  const owner = controllerOf(replicaSet);
  return owner?.kind === 'Deployment' ? { name: owner.name, uid: owner.uid } : undefined;
}
