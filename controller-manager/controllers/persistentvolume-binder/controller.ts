/**
 * Binds claims to PersistentVolumes, one to one, and says what became of both.
 *
 * Keys are `claim/NAMESPACE/NAME` and `volume/NAME`, one at a time: two claims must not choose the same volume. A volume
 * that was written a moment ago may still look free in the cache; then its version does not match, the write is refused
 * with Conflict, and the claim is looked at again.
 */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/generated/core-v1.js';
import { keyOf } from '../../../api/objects.js';
import { persistentVolumeClaims, persistentVolumes, pods, storageClasses } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { classNameOf, defaultStorageClass, volumeAnnotations } from '../../../api/volume-binding.js';
import { createController, keysFrom } from '../../../client/controller.js';
import type { EventRecorder, Informer } from '../../../client/types.js';
import type { ControllerContext, ControllerDefinition } from '../../controller-definition.js';
import { byClaim } from '../indexes.js';
import { bind, withPhase, withoutClaim } from './bind.js';
import { planClaim } from './plan-claim.js';
import type { ClaimEvent } from './plan-claim.js';
import { planVolume } from './plan-volume.js';
import { reclaim } from './reclaim.js';

export const persistentVolumeBinder: ControllerDefinition = {
  name: 'persistentvolume-binder',
  create(context) {
    const { informers, log, clock, queueMetrics } = context;
    const binder = new Binder(context);
    const classInformer = informers.informer(storageClasses);
    return createController({
      name: 'persistentvolume-binder',
      sources: [
        keysFrom(binder.claims, (claim) => [claimKey(keyOf(claim)), ...volumeOf(claim)]),
        keysFrom(binder.volumes, (volume) => [volumeKey(volume.metadata.name), ...binder.claimsFor(volume)]),
        // A class that comes or becomes the default may be what claims wait for.
        keysFrom(classInformer, () => binder.pendingClaims()),
      ],
      alsoReads: [binder.pods],
      reconcile: (key, signal) => binder.reconcile(key, signal),
      log,
      clock,
      queueMetrics,
    });
  },
};

function claimKey(key: string): string {
  return `claim/${key}`;
}

function volumeKey(name: string): string {
  return `volume/${name}`;
}

function volumeOf({ spec }: PersistentVolumeClaim): readonly string[] {
  return spec.volumeName === undefined || spec.volumeName === '' ? [] : [volumeKey(spec.volumeName)];
}

class Binder {
  readonly claims: Informer<PersistentVolumeClaim>;
  readonly volumes: Informer<PersistentVolume>;
  readonly pods: Informer<Pod>;
  readonly #context: ControllerContext;
  readonly #recorder: EventRecorder;

  constructor(context: ControllerContext) {
    const { informers } = context;
    this.#context = context;
    this.#recorder = context.eventRecorder('persistentvolume-controller');
    this.claims = informers.informer(persistentVolumeClaims);
    this.volumes = informers.informer(persistentVolumes);
    this.pods = informers.informer(pods, { indexes: byClaim });
  }

  /** Claims that a change of this volume may concern: its own, and those that look for one. */
  claimsFor(volume: PersistentVolume): readonly string[] {
    const { claimRef, storageClassName = '' } = volume.spec;
    if (claimRef !== undefined) return [claimKey(`${claimRef.namespace ?? ''}/${claimRef.name ?? ''}`)];
    return this.#pending((claim) => (classNameOf(claim) ?? '') === storageClassName);
  }

  pendingClaims(): readonly string[] {
    return this.#pending(() => true);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<void> {
    const name = key.slice(key.indexOf('/') + 1);
    if (key.startsWith('claim/')) await this.#reconcileClaim(name);
    else await this.#reconcileVolume(name, signal);
  }

  #pending(wanted: (claim: PersistentVolumeClaim) => boolean): readonly string[] {
    return this.claims
      .list()
      .filter((claim) => claim.status.phase !== 'Bound' && wanted(claim))
      .map((claim) => claimKey(keyOf(claim)));
  }

  async #reconcileClaim(key: string): Promise<void> {
    const claim = this.claims.get(key);
    if (claim === undefined) return;
    const classes = this.#context.informers.informer(storageClasses);
    const className = classNameOf(claim) ?? '';
    const plan = planClaim({
      claim,
      volumes: this.volumes.list(),
      storageClass: classes.get(className),
      defaultClass: defaultStorageClass(classes.list()),
      unscheduledPod: this.#unscheduledPod(claim),
    });
    const resource = this.#context.client.resource(persistentVolumeClaims);
    switch (plan.kind) {
      case 'bind':
        await bind(this.#context.client, plan.volume, claim);
        return;
      case 'classify':
        await resource.update({ ...claim, spec: { ...claim.spec, storageClassName: plan.className } });
        return;
      case 'ask':
        await this.#ask(claim, plan.provisioner);
        this.#tell(claim, plan.event);
        return;
      case 'lose':
        await this.#setPhase(claim, 'Lost', plan.event);
        return;
      case 'wait':
        await this.#setPhase(claim, 'Pending', undefined);
        if (plan.event !== undefined) this.#tell(claim, plan.event);
    }
  }

  #unscheduledPod(claim: PersistentVolumeClaim): string | undefined {
    const waiting = this.pods
      .byIndex('claim', keyOf(claim))
      .filter(({ spec }) => spec.nodeName === undefined || spec.nodeName === '')
      .map(({ metadata }) => metadata.name);
    return waiting.length === 0 ? undefined : waiting.sort().join(',');
  }

  async #setPhase(
    claim: PersistentVolumeClaim,
    phase: 'Pending' | 'Lost',
    event: ClaimEvent | undefined,
  ): Promise<void> {
    if (claim.status.phase === phase) return;
    const status = { ...claim.status, phase };
    await this.#context.client.resource(persistentVolumeClaims).updateStatus({ ...claim, status });
    if (event !== undefined) this.#tell(claim, event);
  }

  /** Names the provisioner on the claim: that is what it watches for. */
  async #ask(claim: PersistentVolumeClaim, provisioner: string): Promise<void> {
    const { annotations } = claim.metadata;
    const { storageProvisioner, betaStorageProvisioner } = volumeAnnotations;
    if (annotations?.[storageProvisioner] === provisioner) return;
    const asked = {
      ...annotations,
      [storageProvisioner]: provisioner,
      [betaStorageProvisioner]: provisioner,
    };
    await this.#context.client
      .resource(persistentVolumeClaims)
      .update({ ...claim, metadata: { ...claim.metadata, annotations: asked } });
  }

  #tell(claim: PersistentVolumeClaim, { type, reason, message }: ClaimEvent): void {
    this.#recorder.event(claim, type, reason, message);
  }

  async #reconcileVolume(name: string, signal: AbortSignal): Promise<void> {
    const volume = this.volumes.get(name);
    if (volume === undefined) return;
    const { client } = this.#context;
    const resource = client.resource(persistentVolumes);
    const plan = planVolume(volume, await this.#claimOf(volume, signal));
    switch (plan.kind) {
      case 'phase':
        if (volume.status.phase !== plan.phase) await resource.updateStatus(withPhase(volume, plan.phase));
        return;
      case 'claim':
        await this.#reconcileClaim(refKey(volume));
        return;
      case 'unbind': {
        const free = await resource.update(withoutClaim(volume));
        await resource.updateStatus(withPhase(free, 'Available'));
        return;
      }
      case 'reclaim':
        await reclaim(client, this.#recorder, volume);
    }
  }

  /** That a claim is gone is asked of the server: a cache that is behind must not cost anybody the data. */
  async #claimOf(volume: PersistentVolume, signal: AbortSignal): Promise<PersistentVolumeClaim | undefined> {
    const { claimRef } = volume.spec;
    if (claimRef === undefined) return undefined;
    const cached = this.claims.get(refKey(volume));
    if (cached !== undefined && (claimRef.uid === undefined || cached.metadata.uid === claimRef.uid))
      return cached;
    const { namespace = '', name = '' } = claimRef;
    try {
      return await this.#context.client.resource(persistentVolumeClaims).get({ namespace, name }, signal);
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return undefined;
      throw error;
    }
  }
}

function refKey({ spec }: PersistentVolume): string {
  return `${spec.claimRef?.namespace ?? ''}/${spec.claimRef?.name ?? ''}`;
}
