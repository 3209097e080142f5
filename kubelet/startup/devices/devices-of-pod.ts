/** Which devices a Pod's start loads: those of its images, its writable layers, its folders, logs and volumes. */
import { basename, dirname } from 'node:path';
import type { Pod } from '../../../api/generated/core-v1.js';
import type { Logger } from '../../../common/log.js';
import type { ContainerRuntime } from '../../cri/runtime.js';
import { registryOf } from '../../images/image-name.js';
import { unlessAborted } from '../../sync/unless-aborted.js';
import type { PodFolders } from '../../volumes/pod-folders.js';
import type { LocatedVolume, VolumeManager } from '../../volumes/volume-manager.js';
import type { BackingDevice, DeviceFinder } from './backing-device.js';

export interface PodDevicesOptions {
  readonly finder: DeviceFinder;
  readonly runtime: Pick<ContainerRuntime, 'imageFilesystems'>;
  readonly volumes: Pick<VolumeManager, 'locate'>;
  readonly folders: PodFolders;
  readonly log: Logger;
}

/** May be called concurrently. */
export interface PodDevices {
  /**
   * Each device once. `imagesToPull` are those that are not on the node: their registries count, where one belongs to a
   * configured backend. What cannot be found out is logged once and left out: it must not keep a Pod from starting.
   * Rejects only when the signal aborts.
   */
  devicesOfPod(
    pod: Pod,
    imagesToPull: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly BackingDevice[]>;
}

/** How long an apiserver or a runtime that does not answer holds up the question. */
const patienceMs = 5000;

export function createPodDevices(options: PodDevicesOptions): PodDevices {
  return new PodDevicesOfMachine(options);
}

class PodDevicesOfMachine implements PodDevices {
  readonly #options: PodDevicesOptions;
  readonly #told = new Set<string>();
  /** Where the runtime keeps images and containers does not change while it runs. */
  #runtimeFolders: Promise<readonly string[]> | undefined;

  constructor(options: PodDevicesOptions) {
    this.#options = options;
  }

  async devicesOfPod(
    pod: Pod,
    imagesToPull: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly BackingDevice[]> {
    const { finder, folders } = this.#options;
    const ofFolder = (folder: string): Promise<readonly BackingDevice[]> => finder.find(folder);
    const found = await Promise.all([
      this.#patiently('the folders of the runtime', this.#ofRuntime(), signal),
      ofFolder(folders.pod(pod.metadata.uid)),
      ofFolder(folders.logs(pod)),
      this.#patiently('the volumes of a Pod', this.#ofVolumes(pod), signal),
      ofRegistries(finder, imagesToPull),
    ]);
    return mergeDevices(found.flat());
  }

  async #ofRuntime(): Promise<readonly BackingDevice[]> {
    this.#runtimeFolders ??= this.#askRuntime();
    return (
      await Promise.all((await this.#runtimeFolders).map((path) => this.#options.finder.find(path)))
    ).flat();
  }

  async #askRuntime(): Promise<readonly string[]> {
    try {
      const { images, containers } = await this.#options.runtime.imageFilesystems();
      const places = [...images, ...containers].map(({ mountpoint }) => mountpoint);
      return [...new Set(places.flatMap(foldersOfRuntime))];
    } catch (error) {
      this.#runtimeFolders = undefined;
      throw error;
    }
  }

  async #ofVolumes(pod: Pod): Promise<readonly BackingDevice[]> {
    const located = await this.#options.volumes.locate(pod);
    return (await Promise.all(located.map((volume) => devicesOfVolume(this.#options.finder, volume)))).flat();
  }

  /** Nothing when it takes too long or fails. */
  async #patiently(
    what: string,
    work: Promise<readonly BackingDevice[]>,
    signal: AbortSignal,
  ): Promise<readonly BackingDevice[]> {
    try {
      return await unlessAborted(unlessAborted(work, AbortSignal.timeout(patienceMs)), signal);
    } catch (error) {
      signal.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      if (!this.#told.has(what))
        this.#options.log.warn('cannot tell on which devices it lies', { what, why });
      this.#told.add(what);
      return [];
    }
  }
}

/** containerd answers the folder of its snapshots; its images' layers and its database are beside that. */
function foldersOfRuntime(mountpoint: string): readonly string[] {
  const isContainerd = basename(mountpoint).startsWith('io.containerd.snapshotter.');
  return isContainerd ? [mountpoint, dirname(mountpoint)] : [mountpoint];
}

async function devicesOfVolume(
  finder: DeviceFinder,
  volume: LocatedVolume,
): Promise<readonly BackingDevice[]> {
  const devices = await devicesBelow(finder, volume);
  const { storageClass } = volume.spec;
  const backend = storageClass === undefined ? undefined : finder.findBackend({ storageClass });
  if (backend === undefined) return devices;
  finder.addToBackend(backend.key, devices);
  return [{ ...backend, diskstats: devices.flatMap(({ diskstats }) => diskstats) }];
}

/** Of a volume that is not set up yet, what its source says: its folder is still on the node's disk. */
async function devicesBelow(
  finder: DeviceFinder,
  { spec, ready, plugin }: LocatedVolume,
): Promise<readonly BackingDevice[]> {
  const { hostPath, local, nfs } = spec.source;
  if (hostPath !== undefined) return finder.find(hostPath.path);
  if (local !== undefined) return finder.find(local.path);
  if (nfs !== undefined) {
    const host = nfs.server.includes(':') ? `[${nfs.server}]` : nfs.server;
    return finder.findNetwork('nfs', `${host}:${nfs.path}`);
  }
  // What lives and dies with the Pod is in its folder, in memory, or an image of the runtime.
  if (plugin.isEphemeral || plugin.isPayload || spec.kind === 'image' || ready === undefined) return [];
  return finder.find(ready.path);
}

async function ofRegistries(
  finder: DeviceFinder,
  images: readonly string[],
): Promise<readonly BackingDevice[]> {
  const registries = new Set(images.map(registryOf).filter((registry) => registry !== undefined));
  return [...registries]
    .map((registry) => finder.findBackend({ registry }))
    .filter((backend) => backend !== undefined);
}

/** Each device once, with all the ways to it. Pure. */
export function mergeDevices(devices: readonly BackingDevice[]): readonly BackingDevice[] {
  const merged = new Map<string, BackingDevice>();
  for (const device of devices) {
    const rows = [...(merged.get(device.key)?.diskstats ?? []), ...device.diskstats];
    merged.set(device.key, { ...device, diskstats: [...new Set(rows)] });
  }
  return [...merged.values()];
}
