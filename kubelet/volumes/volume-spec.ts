/** From a Pod's volume, and the claim and PersistentVolume behind it, to what must be mounted. Pure. */
import type {
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Volume,
} from '../../api/generated/core-v1.js';
import { matchesNodeSelector } from '../../api/node-affinity.js';
import { classNameOfVolume, fieldsBesideVolumeSource } from '../../api/volume-binding.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumeSpec } from './volume-plugin.js';

/** How the containers of a Pod use its volumes. */
export interface VolumeUses {
  readonly mounted: ReadonlySet<string>;
  readonly devices: ReadonlySet<string>;
}

export function volumeUses({ spec }: Pod): VolumeUses {
  const containers = [
    ...(spec.initContainers ?? []),
    ...spec.containers,
    ...(spec.ephemeralContainers ?? []),
  ];
  return {
    mounted: new Set(containers.flatMap(({ volumeMounts }) => (volumeMounts ?? []).map(({ name }) => name))),
    devices: new Set(
      containers.flatMap(({ volumeDevices }) => (volumeDevices ?? []).map(({ name }) => name)),
    ),
  };
}

/** A volume that has no claim. */
export function specOfVolume(volume: Volume): VolumeSpec {
  const { name, ...source } = volume;
  return {
    name,
    source,
    kind: Object.keys(source)[0] ?? 'unknown',
    mode: 'Filesystem',
    readOnly: source.nfs?.readOnly === true || source.csi?.readOnly === true,
    mountOptions: [],
    csiDriver: source.csi?.driver,
    claim: undefined,
    storageClass: undefined,
    isForOnePod: false,
  };
}

/** Throws VolumeError for a claim that cannot be used (yet). */
export function checkClaim(
  pod: Pod,
  volume: Volume,
  name: string,
  claim: PersistentVolumeClaim | undefined,
): PersistentVolumeClaim {
  const trouble = (why: string): VolumeError =>
    new VolumeError(`error processing PVC ${pod.metadata.namespace}/${name}: ${why}`);
  if (claim === undefined)
    throw trouble(`failed to fetch PVC from API server: persistentvolumeclaims "${name}" not found`);
  const isOwned = claim.metadata.ownerReferences?.some(({ uid }) => uid === pod.metadata.uid) === true;
  if (volume.ephemeral !== undefined && !isOwned)
    throw trouble(`PVC was not created for pod ${pod.metadata.name} (pod is not owner)`);
  // Nobody may begin to use a claim whose end waits for the last user.
  if (claim.metadata.deletionTimestamp !== undefined) throw trouble('PVC is being deleted');
  if (claim.status.phase !== 'Bound' || (claim.spec.volumeName ?? '') === '')
    throw trouble('PVC is not bound');
  return claim;
}

export interface ClaimedVolume {
  readonly volume: Volume;
  readonly claim: PersistentVolumeClaim;
  readonly persistentVolume: PersistentVolume | undefined;
  readonly node: Node | undefined;
  readonly uses: VolumeUses;
}

/** Throws VolumeError when the PersistentVolume is not this claim's, not for this node, or used in another way. */
export function specOfClaim({ volume, claim, persistentVolume, node, uses }: ClaimedVolume): VolumeSpec {
  const name = claim.spec.volumeName ?? '';
  if (persistentVolume === undefined)
    throw new VolumeError(
      `failed to fetch PV ${name} from API server: persistentvolumes "${name}" not found`,
    );
  checkBinding(claim, persistentVolume);
  const { spec } = persistentVolume;
  const required = spec.nodeAffinity?.required;
  if (required !== undefined && node !== undefined && !matchesNodeSelector(required, node))
    throw new VolumeError(
      `MountVolume.NodeAffinity check failed for volume "${name}" : no matching NodeSelectorTerms`,
    );
  const mode = spec.volumeMode ?? 'Filesystem';
  if (mode === 'Block' && uses.mounted.has(volume.name))
    throw new VolumeError(`volume ${volume.name} has volumeMode ${mode}, but is specified in volumeMounts`);
  if (mode === 'Filesystem' && uses.devices.has(volume.name))
    throw new VolumeError(`volume ${volume.name} has volumeMode ${mode}, but is specified in volumeDevices`);
  const { csi } = spec;
  return {
    name,
    source: spec,
    kind: Object.keys(spec).find((key) => !generalFields.has(key)) ?? 'unknown',
    mode,
    readOnly:
      volume.persistentVolumeClaim?.readOnly === true ||
      spec.nfs?.readOnly === true ||
      csi?.readOnly === true,
    mountOptions: spec.mountOptions ?? [],
    csiDriver: csi?.driver,
    claim: `${claim.metadata.namespace}/${claim.metadata.name}`,
    storageClass: classNameOfVolume(persistentVolume) || undefined,
    isForOnePod: spec.accessModes?.includes('ReadWriteOncePod') === true,
  };
}

const generalFields: ReadonlySet<string> = new Set(fieldsBesideVolumeSource);

function checkBinding(claim: PersistentVolumeClaim, { metadata, spec }: PersistentVolume): void {
  if (spec.claimRef === undefined)
    throw new VolumeError(
      `found PV object ${metadata.name} but it has a nil pv.Spec.ClaimRef indicating it is not yet bound to the claim`,
    );
  if (spec.claimRef.uid !== claim.metadata.uid)
    throw new VolumeError(
      `found PV object ${metadata.name} but its pv.Spec.ClaimRef.UID ${spec.claimRef.uid ?? ''} does not point to claim.UID ${claim.metadata.uid}`,
    );
}
