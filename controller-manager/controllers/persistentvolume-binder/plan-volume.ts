/** What becomes of a PersistentVolume: its phase, and what is done when its claim is gone. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core-v1.js';
import { volumeAnnotations } from '../../../api/volume-binding.js';

export type VolumePlan =
  | { readonly kind: 'phase'; readonly phase: 'Available' | 'Bound' }
  /** The claim is there and not bound yet: it is looked at instead. */
  | { readonly kind: 'claim' }
  /** The claim took another volume: this one is free again. */
  | { readonly kind: 'unbind' }
  /** The claim is gone: what the reclaim policy says. */
  | { readonly kind: 'reclaim' };

/** `claim` is what `spec.claimRef` names, whatever its uid. */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumePlan {
  const { claimRef, persistentVolumeReclaimPolicy } = volume.spec;
  const uid = claimRef?.uid ?? '';
  // Kept for a claim by a person: free until that claim comes and takes it.
  if (claimRef === undefined || uid === '')
    return claim === undefined ? { kind: 'phase', phase: 'Available' } : keptByHand(volume, claim);
  if (claim === undefined || claim.metadata.uid !== uid) return { kind: 'reclaim' };
  const taken = claim.spec.volumeName ?? '';
  if (taken === '') return { kind: 'claim' };
  if (taken === volume.metadata.name) return { kind: 'phase', phase: 'Bound' };
  const wasMade = volume.metadata.annotations?.[volumeAnnotations.provisionedBy] !== undefined;
  // It was made for this claim alone: nobody else wants it.
  return wasMade && persistentVolumeReclaimPolicy === 'Delete' ? { kind: 'reclaim' } : { kind: 'unbind' };
}

function keptByHand(volume: PersistentVolume, claim: PersistentVolumeClaim): VolumePlan {
  const taken = claim.spec.volumeName ?? '';
  const isFree = taken !== '' && taken !== volume.metadata.name;
  return isFree || volume.status.phase !== 'Available'
    ? { kind: 'phase', phase: 'Available' }
    : { kind: 'claim' };
}

export type ReclaimPlan =
  /** It stays as it is, with its data, until somebody looks after it. */
  | { readonly kind: 'keep' }
  /** Whoever made it deletes it. */
  | { readonly kind: 'leave'; readonly provisioner: string }
  /** A folder of this machine. */
  | { readonly kind: 'delete-folder'; readonly path: string }
  | { readonly kind: 'fail'; readonly reason: string; readonly message: string };

export function planReclaim({ metadata, spec }: PersistentVolume): ReclaimPlan {
  const provisioner = metadata.annotations?.[volumeAnnotations.provisionedBy];
  switch (spec.persistentVolumeReclaimPolicy ?? 'Retain') {
    case 'Retain':
      return { kind: 'keep' };
    case 'Recycle':
      return {
        kind: 'fail',
        reason: 'VolumeFailedRecycle',
        message:
          'No recycler plugin found for the volume! The policy Recycle is deprecated: use Delete or Retain.',
      };
    case 'Delete':
      if (provisioner !== undefined && !provisioner.startsWith('kubernetes.io/'))
        return { kind: 'leave', provisioner };
      return planDeletion(metadata.name, spec.hostPath?.path);
  }
}

/** Of folders only those below /tmp, as in Kubernetes: a policy that was left out must not empty a disk. */
function planDeletion(name: string, path: string | undefined): ReclaimPlan {
  if (path === undefined)
    return {
      kind: 'fail',
      reason: 'VolumeFailedDelete',
      message: `error getting deleter volume plugin for volume "${name}": no deletable volume plugin matched`,
    };
  const isSafe = /^\/tmp\/./.test(path) && !path.split('/').includes('..');
  if (isSafe) return { kind: 'delete-folder', path };
  const message = `host_path deleter only supports /tmp/.+ but received provided ${path}`;
  return { kind: 'fail', reason: 'VolumeFailedDelete', message };
}
