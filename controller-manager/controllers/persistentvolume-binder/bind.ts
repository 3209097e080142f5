/**
 * Writes a binding down, one step after the other: the volume's claim, its phase, the claim's volume, its status. Each
 * step is left out where it was done before, so a binding that was broken off is finished by the next call.
 */
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core-v1.js';
import { persistentVolumeClaims, persistentVolumes } from '../../../api/resources.js';
import { keepFor, volumeAnnotations } from '../../../api/volume-binding.js';
import type { ApiClient } from '../../../client/types.js';

const yes = 'yes';

/** The claim, with its volume; the same object when it has it already. Pure. */
export function withVolume(claim: PersistentVolumeClaim, volumeName: string): PersistentVolumeClaim {
  const { metadata, spec } = claim;
  const isComplete = metadata.annotations?.[volumeAnnotations.bindCompleted] !== undefined;
  if (spec.volumeName === volumeName && isComplete) return claim;
  const byPerson = spec.volumeName === volumeName;
  const annotations = {
    ...metadata.annotations,
    ...(byPerson ? {} : { [volumeAnnotations.boundByController]: yes }),
    [volumeAnnotations.bindCompleted]: yes,
  };
  return { ...claim, metadata: { ...metadata, annotations }, spec: { ...spec, volumeName } };
}

/** Rejects with StatusError, Conflict above all: then the caches are behind, and the next call goes on. */
export async function bind(
  client: ApiClient,
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
): Promise<void> {
  const volumes = client.resource(persistentVolumes);
  const claims = client.resource(persistentVolumeClaims);
  const kept = keepFor(volume, claim);
  const written = kept === volume ? volume : await volumes.update(kept);
  if (written.status.phase !== 'Bound') await volumes.updateStatus(withPhase(written, 'Bound'));
  const bound = withVolume(claim, volume.metadata.name);
  const latest = bound === claim ? claim : await claims.update(bound);
  if (latest.status.phase === 'Bound') return;
  const { accessModes = [], capacity } = volume.spec;
  const status = { ...latest.status, phase: 'Bound' as const, accessModes: [...accessModes] };
  await claims.updateStatus({
    ...latest,
    status: { ...status, ...(capacity && { capacity: { ...capacity } }) },
  });
}

/** Without what was said of the phase before. Pure. */
export function withPhase(
  volume: PersistentVolume,
  phase: NonNullable<PersistentVolume['status']['phase']>,
  why?: { readonly reason: string; readonly message: string },
): PersistentVolume {
  const { lastPhaseTransitionTime } = volume.status;
  return {
    ...volume,
    status: { phase, ...(lastPhaseTransitionTime && { lastPhaseTransitionTime }), ...why },
  };
}

/** The volume, free again: what a person wrote stays, but for the identity of the claim. Pure. */
export function withoutClaim(volume: PersistentVolume): PersistentVolume {
  const { [volumeAnnotations.boundByController]: byController, ...annotations } =
    volume.metadata.annotations ?? {};
  const { claimRef, ...spec } = volume.spec;
  const named = { ...claimRef };
  delete named.uid;
  delete named.resourceVersion;
  return {
    ...volume,
    metadata: { ...volume.metadata, annotations },
    spec: byController === undefined ? { ...spec, claimRef: named } : spec,
  };
}
