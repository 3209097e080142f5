/**
 * Makes a Pod's volumes usable before its containers start, keeps those made of API objects up to date, and removes
 * everything when the Pod is gone. What is mounted is read from the kernel, so a restarted kubelet needs no memory.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigMap, Pod, Secret, ServiceAccountTokenProjection } from '../../api/generated/core-v1.js';
import type { Clock } from '../../common/clock.js';
import type { PodFacts } from '../environment/downward-api.js';
import type { Mounter } from './mounter.js';
import type { PodFolders } from './pod-folders.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumePlugin } from './volume-plugin.js';

export interface ObjectLookup {
  configMap(pod: Pod, name: string): Promise<ConfigMap | undefined>;
  secret(pod: Pod, name: string): Promise<Secret | undefined>;
  /** `file` is where the token was written before, by this kubelet or the one before it. */
  token(pod: Pod, projection: ServiceAccountTokenProjection, file: string): Promise<string>;
}

export interface VolumeManagerOptions {
  readonly plugins: readonly VolumePlugin[];
  readonly mounter: Mounter;
  readonly folders: PodFolders;
  readonly clock: Clock;
  readonly objects: ObjectLookup;
}

export class VolumeManager {
  readonly #options: VolumeManagerOptions;

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
  }

  /**
   * Paths on the node by volume name. Rejects with {@link VolumeError}, whose message names the volume. One call a Pod
   * at a time.
   */
  async setUp(pod: Pod, facts: PodFacts): Promise<ReadonlyMap<string, string>> {
    return this.#setUpThose(pod, facts, () => true);
  }

  /** Writes again what is made of API objects. */
  async refresh(pod: Pod, facts: PodFacts): Promise<void> {
    await this.#setUpThose(pod, facts, (plugin) => plugin.isPayload);
  }

  /** Unmounts and removes everything that belongs to a Pod. Idempotent; also for Pods of which only the uid is known. */
  async tearDown(uid: string): Promise<void> {
    const { mounter, folders } = this.#options;
    const folder = folders.pod(uid);
    for (const point of await mounter.mountsBelow(folder)) await mounter.unmount(point);
    const left = await mounter.mountsBelow(folder);
    // Removing through a mount would delete what somebody else owns.
    if (left.length > 0) throw new VolumeError(`still mounted: ${left.join(', ')}`);
    await rm(folder, { recursive: true, force: true });
  }

  async #setUpThose(
    pod: Pod,
    facts: PodFacts,
    wanted: (plugin: VolumePlugin) => boolean,
  ): Promise<ReadonlyMap<string, string>> {
    const { plugins, mounter, folders, clock, objects } = this.#options;
    const groupId = pod.spec.securityContext?.fsGroup;
    const setUpOne = async (
      volume: NonNullable<Pod['spec']['volumes']>[number],
    ): Promise<[string, string][]> => {
      const plugin = plugins.find((one) => one.supports(volume));
      if (plugin === undefined) {
        const kind = Object.keys(volume).find((key) => key !== 'name') ?? 'unknown';
        throw new VolumeError(
          `MountVolume.SetUp failed for volume "${volume.name}" : volumes of type ${kind} are not supported yet`,
        );
      }
      if (!wanted(plugin)) return [];
      const folder = folders.volume(pod.metadata.uid, plugin.folderName, volume.name);
      try {
        const path = await plugin.setUp({
          pod,
          volume,
          folder,
          mounter,
          groupId,
          facts,
          nowMs: clock.now(),
          configMap: (name) => objects.configMap(pod, name),
          secret: (name) => objects.secret(pod, name),
          token: (projection) => objects.token(pod, projection, join(folder, projection.path)),
        });
        return [[volume.name, path]];
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        throw new VolumeError(`MountVolume.SetUp failed for volume "${volume.name}" : ${why}`, {
          cause: error,
        });
      }
    };
    const ready = await Promise.all((pod.spec.volumes ?? []).map(setUpOne));
    return new Map(ready.flat());
  }
}
