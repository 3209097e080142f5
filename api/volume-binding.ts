/**
 * Which PersistentVolume fits which claim: the rules that the binder, the scheduler and the kubelet must agree on. Pure.
 */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod, Volume } from './generated/core-v1.js';
import type { StorageClass } from './generated/storage-v1.js';
import { matchesNodeSelector } from './node-affinity.js';
import { compareQuantities } from './quantity.js';
import { matchesLabels, selectorFromObject } from './selectors.js';

/** Fields of a PersistentVolume's spec that say nothing of where its storage is: the one other field does. */
export const fieldsBesideVolumeSource = [
  'capacity',
  'accessModes',
  'claimRef',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'mountOptions',
  'volumeMode',
  'nodeAffinity',
  'volumeAttributesClassName',
] as const satisfies readonly (keyof PersistentVolume['spec'])[];

export const volumeAnnotations = {
  /** On a claim: its binding is complete, and must not be taken back silently. */
  bindCompleted: 'pv.kubernetes.io/bind-completed',
  /** On a claim or volume: the binder chose the other one; absent where a person did. */
  boundByController: 'pv.kubernetes.io/bound-by-controller',
  /** On a claim: the node for which a volume may now be made. Written by the scheduler. */
  selectedNode: 'volume.kubernetes.io/selected-node',
  /** On a volume: who made it, and will delete it. */
  provisionedBy: 'pv.kubernetes.io/provisioned-by',
  /** On a claim: who is to make its volume. The second name is that of older provisioners. */
  storageProvisioner: 'volume.kubernetes.io/storage-provisioner',
  betaStorageProvisioner: 'volume.beta.kubernetes.io/storage-provisioner',
} as const;

/** Keep a claim until no Pod uses it, and a volume until no claim holds it. */
export const claimProtection = 'kubernetes.io/pvc-protection';
export const volumeProtection = 'kubernetes.io/pv-protection';

/** The provisioner of classes whose volumes people make by hand. */
export const noProvisioner = 'kubernetes.io/no-provisioner';

const betaStorageClass = 'volume.beta.kubernetes.io/storage-class';

/** The claim behind a volume: named by it, or made for it from its template. Undefined for other kinds. */
export function claimNameOf(pod: Pod, volume: Volume): string | undefined {
  if (volume.persistentVolumeClaim !== undefined) return volume.persistentVolumeClaim.claimName;
  if (volume.ephemeral !== undefined) return `${pod.metadata.name}-${volume.name}`;
  return undefined;
}

/** The name of the class, '' for none; undefined for a claim that leaves it to the default. */
export function classNameOf({ metadata, spec }: PersistentVolumeClaim): string | undefined {
  return metadata.annotations?.[betaStorageClass] ?? spec.storageClassName;
}

export function classNameOfVolume({ metadata, spec }: PersistentVolume): string {
  return metadata.annotations?.[betaStorageClass] ?? spec.storageClassName ?? '';
}

/** The class for claims that name none: the newest of those marked so; among equals the first by name. */
export function defaultStorageClass(classes: readonly StorageClass[]): StorageClass | undefined {
  const marks = [
    'storageclass.kubernetes.io/is-default-class',
    'storageclass.beta.kubernetes.io/is-default-class',
  ];
  const age = ({ metadata }: StorageClass): number => Date.parse(metadata.creationTimestamp);
  return classes
    .filter(({ metadata }) => marks.some((mark) => metadata.annotations?.[mark] === 'true'))
    .sort((a, b) => age(b) - age(a) || (a.metadata.name < b.metadata.name ? -1 : 1))[0];
}

/** Volumes of the class wait for the first Pod, so that they are near it. */
export function waitsForConsumer(storageClass: StorageClass | undefined): boolean {
  return storageClass?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** The volume is kept for this claim, by the binder or beforehand by a person (who does not know its uid). */
export function isKeptFor({ spec }: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const { claimRef } = spec;
  if (claimRef === undefined) return false;
  const isNamed = claimRef.name === metadata.name && claimRef.namespace === metadata.namespace;
  return isNamed && (claimRef.uid === undefined || claimRef.uid === '' || claimRef.uid === metadata.uid);
}

/** The volume, kept for the claim; the same object when it is already. Pure. */
export function keepFor(volume: PersistentVolume, claim: PersistentVolumeClaim): PersistentVolume {
  const { metadata, spec } = volume;
  if (spec.claimRef?.uid === claim.metadata.uid && isKeptFor(volume, claim)) return volume;
  const byPerson = isKeptFor(volume, claim);
  const { name, namespace, uid, resourceVersion } = claim.metadata;
  return {
    ...volume,
    metadata: byPerson
      ? metadata
      : {
          ...metadata,
          annotations: { ...metadata.annotations, [volumeAnnotations.boundByController]: 'yes' },
        },
    spec: {
      ...spec,
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid, resourceVersion },
    },
  };
}

/** Why the volume cannot be this claim's, in Kubernetes' words; undefined when it can. Who holds it is not looked at. */
export function whyUnfit(volume: PersistentVolume, claim: PersistentVolumeClaim): string | undefined {
  if (!isLargeEnough(volume, claim)) return 'requested PV is too small';
  if (classNameOfVolume(volume) !== (classNameOf(claim) ?? '')) return 'storageClassName does not match';
  const attributes = claim.spec.volumeAttributesClassName ?? '';
  if ((volume.spec.volumeAttributesClassName ?? '') !== attributes)
    return 'VolumeAttributesClassName does not match';
  if (!hasMode(volume, claim)) return 'incompatible volumeMode';
  if (!allowsAccess(volume, claim)) return 'incompatible accessMode';
  return undefined;
}

function isLargeEnough({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const wanted = claim.spec.resources?.requests?.['storage'] ?? '0';
  return compareQuantities(spec.capacity?.['storage'] ?? '0', wanted) >= 0;
}

function hasMode({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (spec.volumeMode ?? 'Filesystem') === (claim.spec.volumeMode ?? 'Filesystem');
}

function allowsAccess({ spec }: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  return (claim.spec.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode) === true);
}

/** The volume can be reached from this node. */
export function isReachable({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec.nodeAffinity?.required;
  return required === undefined || matchesNodeSelector(required, node);
}

export interface VolumeChoice {
  readonly claim: PersistentVolumeClaim;
  readonly volumes: readonly PersistentVolume[];
  /** The volume must be reachable from there. */
  readonly node?: Node;
  /** Only a volume that is kept for the claim already: the rest waits for a Pod. */
  readonly keptOnly?: boolean;
  /** Names of volumes that somebody else is about to take. */
  readonly taken?: ReadonlySet<string>;
}

/**
 * The volume for a claim: one that is kept for it, else the smallest that is free and large enough; among equals the
 * first by name, so that everybody who asks gets the same answer.
 */
export function chooseVolume(choice: VolumeChoice): PersistentVolume | undefined {
  const { claim, node, keptOnly, taken } = choice;
  const fitting = choice.volumes.filter(
    (volume) =>
      volume.metadata.deletionTimestamp === undefined &&
      taken?.has(volume.metadata.name) !== true &&
      hasMode(volume, claim) &&
      allowsAccess(volume, claim) &&
      isLargeEnough(volume, claim) &&
      (node === undefined || isReachable(volume, node)),
  );
  const kept = fitting.find((volume) => isKeptFor(volume, claim));
  if (kept !== undefined || keptOnly === true) return kept;
  const selector = claim.spec.selector;
  const wanted = selector === undefined ? undefined : selectorFromObject(selector);
  return fitting
    .filter(
      (volume) =>
        volume.spec.claimRef === undefined &&
        volume.status.phase === 'Available' &&
        whyUnfit(volume, claim) === undefined &&
        (wanted === undefined || matchesLabels(wanted, volume.metadata.labels)),
    )
    .sort(bySize)[0];
}

function bySize(a: PersistentVolume, b: PersistentVolume): number {
  // A volume that offers more ways of access than are needed is left for those who need them.
  const modes = (a.spec.accessModes?.length ?? 0) - (b.spec.accessModes?.length ?? 0);
  if (modes !== 0) return modes;
  const size = compareQuantities(a.spec.capacity?.['storage'] ?? '0', b.spec.capacity?.['storage'] ?? '0');
  return size === 0 ? (a.metadata.name < b.metadata.name ? -1 : 1) : size;
}
