/** From a container's volumeMounts and volumeDevices to what the runtime is asked to mount. */
import { realpath } from 'node:fs/promises';
import type { Container, Pod, VolumeDevice, VolumeMount } from '../../api/generated/core-v1.js';
import type { Device, Mount, RuntimeVersion } from '../cri/runtime.js';
import { ConfigurationError } from '../environment/resolve-environment.js';
import { imageSubPaths, whyNot } from './image-support.js';
import { mountOf } from './mount-table.js';
import type { Mounter } from './mounter.js';
import type { PodFolders } from './pod-folders.js';
import { mountSubPath, wantedSubPath } from './sub-path.js';
import type { ReadyVolume } from './volume-plugin.js';

export interface ContainerMountsInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly environment: ReadonlyMap<string, string>;
  /** By the name of the Pod's volume. */
  readonly volumes: ReadonlyMap<string, ReadyVolume>;
  readonly folders: PodFolders;
  readonly mounter: Mounter;
  readonly runtime: RuntimeVersion;
  /** The runtime can make what is mounted below a mount read-only, too. */
  readonly canMountRecursiveReadOnly: () => Promise<boolean>;
}

export interface ContainerMounts {
  readonly mounts: readonly Mount[];
  readonly devices: readonly Device[];
}

/** Idempotent. Throws ConfigurationError when the container asks for what cannot be had. */
export async function prepareContainerMounts(input: ContainerMountsInput): Promise<ContainerMounts> {
  const { volumeMounts = [], volumeDevices = [] } = input.container;
  const mounts: Mount[] = [];
  for (const [index, mount] of volumeMounts.entries()) mounts.push(await prepareMount(input, mount, index));
  return { mounts, devices: volumeDevices.map((device) => prepareDevice(input, device)) };
}

async function prepareMount(input: ContainerMountsInput, mount: VolumeMount, index: number): Promise<Mount> {
  const volume = volumeOf(input, mount.name);
  if (volume.kind === 'block')
    throw new ConfigurationError(`volume "${mount.name}" is a block device: use volumeDevices`);
  const subPath = wantedSubPath(mount, input.environment);
  const readonly = mount.readOnly === true || volume.readOnly;
  const common = {
    containerPath: absolutePath(mount.mountPath),
    readonly,
    propagation: propagations[mount.mountPropagation ?? 'None'],
    recursiveReadOnly: await recursiveReadOnly(mount, input.canMountRecursiveReadOnly),
  };
  if (volume.kind === 'image') {
    const complaint = subPath === undefined ? undefined : whyNot(imageSubPaths, input.runtime);
    if (complaint !== undefined) throw new ConfigurationError(complaint);
    return {
      ...common,
      hostPath: '',
      image: { image: volume.path },
      ...(subPath === undefined ? {} : { imageSubPath: subPath }),
    };
  }
  const hostPath = subPath === undefined ? volume.path : await mountedSubPath(input, mount, index, subPath);
  await checkPropagation(input.mounter, hostPath, mount.mountPropagation);
  return { ...common, hostPath };
}

/** A `mountPath` may leave the first slash out. */
export function absolutePath(mountPath: string): string {
  return mountPath.startsWith('/') ? mountPath : `/${mountPath}`;
}

function volumeOf({ volumes, container }: ContainerMountsInput, name: string): ReadyVolume {
  const volume = volumes.get(name);
  if (volume !== undefined) return volume;
  throw new ConfigurationError(`cannot find volume "${name}" to mount into container "${container.name}"`);
}

async function mountedSubPath(
  { pod, container, volumes, folders, mounter }: ContainerMountsInput,
  mount: VolumeMount,
  index: number,
  subPath: string,
): Promise<string> {
  const target = folders.subPath(pod.metadata.uid, mount.name, container.name, index);
  const what = `volumeMount "${mount.name}" of container "${container.name}"`;
  await mountSubPath({ mounter, volume: volumes.get(mount.name)?.path ?? '', subPath, target, what });
  return target;
}

function prepareDevice(input: ContainerMountsInput, { name, devicePath }: VolumeDevice): Device {
  const volume = volumeOf(input, name);
  if (volume.kind !== 'block')
    throw new ConfigurationError(`volume "${name}" is no block device: use volumeMounts`);
  return { containerPath: devicePath, hostPath: volume.path, permissions: volume.readOnly ? 'r' : 'mrw' };
}

const propagations = {
  None: 'PROPAGATION_PRIVATE',
  HostToContainer: 'PROPAGATION_HOST_TO_CONTAINER',
  Bidirectional: 'PROPAGATION_BIDIRECTIONAL',
} as const;

/** The runtime is asked only where it matters. */
async function recursiveReadOnly(mount: VolumeMount, isSupported: () => Promise<boolean>): Promise<boolean> {
  const isAsked = (mount.recursiveReadOnly ?? 'Disabled') !== 'Disabled';
  return isAsked && isRecursiveReadOnly(mount, await isSupported());
}

/** Whether mounts below are made read-only, too. Throws ConfigurationError where that was asked for in vain. Pure. */
export function isRecursiveReadOnly(mount: VolumeMount, isSupported: boolean): boolean {
  const { name, recursiveReadOnly = 'Disabled', readOnly, mountPropagation = 'None' } = mount;
  if (recursiveReadOnly === 'Disabled') return false;
  const asked = `volume "${name}" requested recursive read-only mode, but it is not`;
  if (readOnly !== true) throw new ConfigurationError(`${asked} read-only`);
  if (mountPropagation !== 'None')
    throw new ConfigurationError(`${asked} compatible with propagation "${mountPropagation}"`);
  if (recursiveReadOnly === 'Enabled' && !isSupported)
    throw new ConfigurationError(`${asked} supported by the runtime`);
  return isSupported;
}

/** The runtime would refuse it as well, with less of a hint. */
async function checkPropagation(
  mounter: Mounter,
  hostPath: string,
  propagation: VolumeMount['mountPropagation'],
): Promise<void> {
  if (propagation === undefined || propagation === 'None') return;
  const path = await realpath(hostPath);
  const mount = mountOf(await mounter.mounts(), path);
  const isFit = mount?.isShared === true || (propagation === 'HostToContainer' && mount?.isSlave === true);
  if (mount === undefined || isFit) return;
  const wanted = propagation === 'Bidirectional' ? 'a shared mount' : 'a shared or slave mount';
  throw new ConfigurationError(
    `path "${path}" is mounted on "${mount.path}" but it is not ${wanted} (on the node: mount --make-rshared ${mount.path})`,
  );
}
