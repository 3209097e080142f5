/** What becomes of a claim: which volume it is bound to, or what it waits for. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../../api/generated/core-v1.js';
import type { StorageClass } from '../../../api/generated/storage-v1.js';
import {
  chooseVolume,
  classNameOf,
  isKeptFor,
  noProvisioner,
  volumeAnnotations,
  waitsForConsumer,
  whyUnfit,
} from '../../../api/volume-binding.js';

export interface ClaimEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimPlan =
  | { readonly kind: 'bind'; readonly volume: PersistentVolume }
  /** Nothing to bind to yet. */
  | { readonly kind: 'wait'; readonly event?: ClaimEvent }
  /** The class's own provisioner is asked to make a volume. */
  | { readonly kind: 'ask'; readonly provisioner: string; readonly event: ClaimEvent }
  /** It gets the default class, which was not there when it was made. */
  | { readonly kind: 'classify'; readonly className: string }
  /** Its volume is gone, and the data with it. */
  | { readonly kind: 'lose'; readonly event: ClaimEvent };

export interface ClaimInput {
  readonly claim: PersistentVolumeClaim;
  readonly volumes: readonly PersistentVolume[];
  /** The class that the claim names, if it exists. */
  readonly storageClass: StorageClass | undefined;
  readonly defaultClass: StorageClass | undefined;
  /** A Pod that uses the claim and has no node yet: `namespace/name`. */
  readonly unscheduledPod: string | undefined;
}

export function planClaim(input: ClaimInput): ClaimPlan {
  const { claim } = input;
  const isComplete = claim.metadata.annotations?.[volumeAnnotations.bindCompleted] !== undefined;
  if (isComplete) return planBound(input);
  return (claim.spec.volumeName ?? '') === '' ? planUnbound(input) : planNamed(input);
}

/** It was bound: that is never taken back, only found broken. */
function planBound({ claim, volumes }: ClaimInput): ClaimPlan {
  const name = claim.spec.volumeName ?? '';
  if (name === '')
    return lost(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    );
  const volume = volumes.find(({ metadata }) => metadata.name === name);
  if (volume === undefined)
    return lost('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  const { claimRef } = volume.spec;
  if (claimRef !== undefined && claimRef.uid !== claim.metadata.uid)
    return lost('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
  return { kind: 'bind', volume };
}

function lost(reason: string, message: string): ClaimPlan {
  return { kind: 'lose', event: { type: 'Warning', reason, message } };
}

/** It names its volume: that one or none. */
function planNamed({ claim, volumes }: ClaimInput): ClaimPlan {
  const name = claim.spec.volumeName ?? '';
  const volume = volumes.find(({ metadata }) => metadata.name === name);
  if (volume === undefined) return { kind: 'wait' };
  if (volume.spec.claimRef !== undefined && !isKeptFor(volume, claim))
    return waiting('Warning', 'FailedBinding', `volume "${name}" already bound to a different claim.`);
  const why = whyUnfit(volume, claim);
  if (volume.spec.claimRef === undefined && why !== undefined)
    return waiting('Warning', 'VolumeMismatch', `Cannot bind to requested volume "${name}": ${why}`);
  return { kind: 'bind', volume };
}

function planUnbound(input: ClaimInput): ClaimPlan {
  const { claim, volumes, storageClass, defaultClass } = input;
  const className = classNameOf(claim);
  const isPlaced = claim.metadata.annotations?.[volumeAnnotations.selectedNode] !== undefined;
  const mustWait = waitsForConsumer(storageClass) && !isPlaced;
  const volume = chooseVolume({ claim, volumes, keptOnly: waitsForConsumer(storageClass) });
  if (volume !== undefined) return { kind: 'bind', volume };
  if (className === undefined && defaultClass !== undefined)
    return { kind: 'classify', className: defaultClass.metadata.name };
  if (mustWait) return waitForConsumer(input);
  if (className === undefined || className === '')
    return waiting(
      'Normal',
      'FailedBinding',
      'no persistent volumes available for this claim and no storage class is set',
    );
  return provision(className, storageClass);
}

function waitForConsumer({ unscheduledPod }: ClaimInput): ClaimPlan {
  if (unscheduledPod === undefined)
    return waiting(
      'Normal',
      'WaitForFirstConsumer',
      'waiting for first consumer to be created before binding',
    );
  return waiting('Normal', 'WaitForPodScheduled', `waiting for pod ${unscheduledPod} to be scheduled`);
}

function provision(className: string, storageClass: StorageClass | undefined): ClaimPlan {
  if (storageClass === undefined)
    return waiting('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`);
  const { provisioner } = storageClass;
  // Names of Kubernetes' own are those of provisioners inside of it: none is left.
  if (provisioner === noProvisioner || provisioner.startsWith('kubernetes.io/'))
    return waiting('Warning', 'ProvisioningFailed', `no volume plugin matched name: ${provisioner}`);
  const message =
    `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. ` +
    'If volume creation is delayed, please verify that the provisioner is running and correctly registered.';
  return { kind: 'ask', provisioner, event: { type: 'Normal', reason: 'ExternalProvisioning', message } };
}

function waiting(type: ClaimEvent['type'], reason: string, message: string): ClaimPlan {
  return { kind: 'wait', event: { type, reason, message } };
}
