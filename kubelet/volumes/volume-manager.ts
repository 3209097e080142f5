/**
 * Makes a Pod's volumes usable before its containers start, keeps those made of API objects up to date, and removes
 * everything when the Pod is gone.
 *
 * What is mounted is read from the kernel, and which Pod uses what from folders that are made before anything is
 * mounted: a kubelet that was killed at any point finds all that there is to finish or to remove.
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type {
  ConfigMap,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from '../../api/generated/core-v1.js';
import { claimNameOf } from '../../api/volume-binding.js';
import type { Clock } from '../../common/clock.js';
import type { PodFacts } from '../environment/downward-api.js';
import { unlessAborted } from '../sync/unless-aborted.js';
import { linkTo } from './local.js';
import type { Mounter } from './mounter.js';
import type { PodFolders } from './pod-folders.js';
import { Turns } from './turns.js';
import { VolumeCleaner } from './volume-cleaner.js';
import { VolumeError } from './volume-plugin.js';
import type { ReadyVolume, VolumeContext, VolumePlugin, VolumeSpec } from './volume-plugin.js';
import { checkClaim, specOfClaim, specOfVolume, volumeUses } from './volume-spec.js';

/** What volumes are made of, looked up for a Pod. */
export interface ObjectLookup {
  configMap(pod: Pod, name: string): Promise<ConfigMap | undefined>;
  secret(pod: Pod, name: string): Promise<Secret | undefined>;
  /** `file` is where the token was written before, by this kubelet or the one before it. */
  token(pod: Pod, projection: ServiceAccountTokenProjection, file: string): Promise<string>;
  claim(namespace: string, name: string): Promise<PersistentVolumeClaim | undefined>;
  persistentVolume(name: string): Promise<PersistentVolume | undefined>;
  /** Answers what the runtime calls it. Rejects when the image cannot be had, or not be mounted as a volume. */
  image(pod: Pod, reference: string, pullPolicy: string | undefined): Promise<string>;
  /** The node that this is, as far as it is known. */
  node(): Node | undefined;
}

export interface VolumeManagerOptions {
  readonly plugins: readonly VolumePlugin[];
  readonly mounter: Mounter;
  readonly folders: PodFolders;
  readonly clock: Clock;
  readonly objects: ObjectLookup;
}

/** A volume of a Pod, and where it is on the node. */
export interface LocatedVolume {
  /** As the Pod calls it. */
  readonly name: string;
  readonly spec: VolumeSpec;
  readonly plugin: VolumePlugin;
  readonly ready: ReadyVolume | undefined;
}

interface KnownPod {
  readonly specs: Map<string, VolumeSpec>;
  readonly ready: Map<string, ReadyVolume>;
}

export class VolumeManager {
  readonly #options: VolumeManagerOptions;
  readonly #cleaner: VolumeCleaner;
  readonly #turns = new Turns();
  /** By uid; only saves work, and is made again after a restart. */
  readonly #known = new Map<string, KnownPod>();

  constructor(options: VolumeManagerOptions) {
    this.#options = options;
    this.#cleaner = new VolumeCleaner(options);
  }

  /**
   * The volumes that the Pod's containers use, by name. Rejects with {@link VolumeError}, whose message names the
   * volume, when none is left under way. May be called again at any time.
   */
  async setUp(pod: Pod, facts: PodFacts, signal?: AbortSignal): Promise<ReadonlyMap<string, ReadyVolume>> {
    return this.#turns.run(podKey(pod.metadata.uid), () => this.#setUpThose(pod, facts, 'all', signal));
  }

  /** Writes again what is made of API objects. */
  async refresh(pod: Pod, facts: PodFacts, signal?: AbortSignal): Promise<void> {
    await this.#turns.run(podKey(pod.metadata.uid), () => this.#setUpThose(pod, facts, 'payload', signal));
  }

  /**
   * Unmounts all volumes of a Pod whose containers have ended, and removes what lives no longer than the Pod. Its other
   * files stay. Idempotent, and waits for a {@link setUp} under way.
   */
  async release(uid: string): Promise<void> {
    await this.#turns.run(podKey(uid), async () => {
      this.#known.delete(uid);
      await this.#cleaner.releasePod(uid);
    });
    await this.releaseUnused();
  }

  /** Like {@link release}, and removes the Pod's folder. Also for Pods of which only the uid is known. */
  async tearDown(uid: string): Promise<void> {
    await this.#turns.run(podKey(uid), async () => {
      this.#known.delete(uid);
      await this.#cleaner.releasePod(uid);
      await this.#cleaner.removePod(uid);
    });
    await this.releaseUnused();
  }

  /** Lets go of what several Pods shared and none uses any more, as after a kubelet that was killed. */
  async releaseUnused(): Promise<void> {
    for (const plugin of this.#options.plugins) {
      if (plugin.releaseUnused === undefined) continue;
      await this.#turns.run(pluginKey(plugin), () => this.#cleaner.releaseShared(plugin));
    }
  }

  /** What the Pod's containers use, set up or not; without volumes whose claim is not known. For figures of usage. */
  async locate(pod: Pod): Promise<readonly LocatedVolume[]> {
    const located: LocatedVolume[] = [];
    for (const volume of usedVolumes(pod)) {
      try {
        const spec = await this.#specOf(pod, volume, undefined);
        const plugin = this.#options.plugins.find((one) => one.supports(spec));
        if (plugin === undefined) continue;
        const ready = this.#known.get(pod.metadata.uid)?.ready.get(volume.name);
        located.push({ name: volume.name, spec, plugin, ready: ready ?? this.#guess(pod, spec, plugin) });
      } catch (error) {
        // A claim that cannot be used has no figures; why not is told when the Pod wants it.
        if (!(error instanceof VolumeError)) throw error;
      }
    }
    return located;
  }

  /** Where the volume of a Pod that another kubelet set up is. */
  #guess(pod: Pod, spec: VolumeSpec, { folderName }: VolumePlugin): ReadyVolume | undefined {
    if (spec.mode === 'Block' || spec.kind === 'image') return undefined;
    const folder = this.#options.folders.volume(pod.metadata.uid, folderName, spec.name);
    return { kind: 'filesystem', path: spec.source.hostPath?.path ?? folder, readOnly: spec.readOnly };
  }

  async #setUpThose(
    pod: Pod,
    facts: PodFacts,
    which: 'all' | 'payload',
    signal: AbortSignal | undefined,
  ): Promise<ReadonlyMap<string, ReadyVolume>> {
    const { ready } = this.#knownPod(pod);
    const work = usedVolumes(pod).map((volume) => this.#setUpOne(pod, volume, facts, which, signal));
    // All must have ended before anybody decides anew, also when one of them failed.
    for (const result of await Promise.allSettled(work))
      if (result.status === 'rejected') throw result.reason;
    return new Map(ready);
  }

  async #setUpOne(
    pod: Pod,
    volume: Volume,
    facts: PodFacts,
    which: 'all' | 'payload',
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const known = this.#knownPod(pod);
    if (which === 'payload' && claimNameOf(pod, volume) !== undefined) return;
    const spec = await this.#specOf(pod, volume, signal);
    const plugin = this.#options.plugins.find((one) => one.supports(spec));
    if (plugin === undefined)
      throw new VolumeError(setUpTrouble(spec, `volumes of type ${spec.kind} are not supported`));
    if (which === 'payload' && !plugin.isPayload) return;
    // What is made of objects follows them; everything else is made once.
    if (!plugin.isPayload && known.ready.has(volume.name)) return;
    try {
      const context = this.#context(pod, spec, plugin, facts, signal);
      const ready = await this.#inTurn(plugin, () => this.#make(plugin, context));
      known.ready.set(volume.name, ready);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new VolumeError(setUpTrouble(spec, why), { cause: error });
    }
  }

  /** What several Pods share is not let go of while it is set up for another. */
  #inTurn<T>(plugin: VolumePlugin, work: () => Promise<T>): Promise<T> {
    const isShared = plugin.releaseUnused !== undefined;
    return isShared ? this.#turns.run(pluginKey(plugin), work) : work();
  }

  async #make(plugin: VolumePlugin, context: VolumeContext): Promise<ReadyVolume> {
    const { spec, pod, notesFolder } = context;
    if (spec.claim !== undefined) {
      // First of all: it says that this Pod uses the volume, also to a kubelet that comes after this one.
      await mkdir(notesFolder, { recursive: true });
      if (spec.isForOnePod && (await this.#cleaner.isUsedByOthers(plugin, spec.name, pod.metadata.uid)))
        throw new VolumeError(
          'volume uses the ReadWriteOncePod access mode and is already in use by another pod',
        );
    }
    if (spec.mode === 'Filesystem') return plugin.setUp(context);
    if (plugin.setUpDevice === undefined)
      throw new VolumeError(`volumes of type ${spec.kind} cannot be block devices`);
    const ready = await plugin.setUpDevice(context);
    const links = join(this.#options.folders.volumeDevices(pod.metadata.uid), plugin.folderName);
    await mkdir(links, { recursive: true });
    await linkTo(join(links, spec.name), ready.path);
    return ready;
  }

  #context(
    pod: Pod,
    spec: VolumeSpec,
    plugin: VolumePlugin,
    facts: PodFacts,
    signal: AbortSignal | undefined,
  ): VolumeContext {
    const { folders, mounter, clock, objects } = this.#options;
    const { uid } = pod.metadata;
    const folder = folders.volume(uid, plugin.folderName, spec.name);
    return {
      pod,
      spec,
      folder,
      notesFolder: join(folders.volumeNotes(uid), plugin.folderName, spec.name),
      sharedFolder: folders.shared(plugin.folderName),
      mounter,
      groupId: pod.spec.securityContext?.fsGroup,
      facts,
      nowMs: clock.now(),
      signal,
      configMap: (name) => until(signal, objects.configMap(pod, name)),
      secret: (name) => until(signal, objects.secret(pod, name)),
      token: (projection) => until(signal, objects.token(pod, projection, join(folder, projection.path))),
      image: (reference, pullPolicy) => until(signal, objects.image(pod, reference, pullPolicy)),
    };
  }

  /** A claim is looked up until it could be used once: then Pods run on, also while the apiserver is away. */
  async #specOf(pod: Pod, volume: Volume, signal: AbortSignal | undefined): Promise<VolumeSpec> {
    const name = claimNameOf(pod, volume);
    if (name === undefined) return specOfVolume(volume);
    // Not remembered for a Pod that is only measured: it may be gone already.
    const specs = this.#known.get(pod.metadata.uid)?.specs;
    const spec = specs?.get(volume.name) ?? (await this.#lookUpClaim(pod, volume, name, signal));
    specs?.set(volume.name, spec);
    return spec;
  }

  async #lookUpClaim(
    pod: Pod,
    volume: Volume,
    name: string,
    signal: AbortSignal | undefined,
  ): Promise<VolumeSpec> {
    const { objects } = this.#options;
    try {
      const found = await until(signal, objects.claim(pod.metadata.namespace, name));
      const claim = checkClaim(pod, volume, name, found);
      const volumeName = claim.spec.volumeName ?? '';
      const persistentVolume = await until(signal, objects.persistentVolume(volumeName));
      return specOfClaim({ volume, claim, persistentVolume, node: objects.node(), uses: volumeUses(pod) });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new VolumeError(
        `Unable to attach or mount volumes: unmounted volumes=[${volume.name}], unattached volumes=[], ` +
          `failed to process volumes=[${volume.name}]: ${why}`,
        { cause: error },
      );
    }
  }

  #knownPod({ metadata: { uid } }: Pod): KnownPod {
    const known = this.#known.get(uid) ?? { specs: new Map(), ready: new Map() };
    this.#known.set(uid, known);
    return known;
  }
}

/** A volume that no container uses is none of the kubelet's business. */
function usedVolumes(pod: Pod): readonly Volume[] {
  const { mounted, devices } = volumeUses(pod);
  return (pod.spec.volumes ?? []).filter(({ name }) => mounted.has(name) || devices.has(name));
}

/** An answer that nobody waits for any more must not keep the Pod from being removed. */
function until<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  return signal === undefined ? work : unlessAborted(work, signal);
}

function setUpTrouble(spec: VolumeSpec, why: string): string {
  const step = spec.mode === 'Block' ? 'MapVolume.SetUpDevice' : 'MountVolume.SetUp';
  return `${step} failed for volume "${spec.name}" : ${why}`;
}

function podKey(uid: string): string {
  return `pod ${uid}`;
}

function pluginKey(plugin: VolumePlugin): string {
  return `plugin ${plugin.folderName}`;
}
