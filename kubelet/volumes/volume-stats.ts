/**
 * How full the volumes of Pods are: for stats/summary, for the metrics kubelet_volume_stats_*, and for evictions over a
 * `sizeLimit` or the Pod's ephemeral storage.
 *
 * A volume with a mount of its own is asked of its filesystem. Folders on the node's disk are counted by du(1), all of
 * them by two runs of it, and no more often than once in a minute: counting a million files takes seconds.
 */
import { statfs } from 'node:fs/promises';
import type { Pod } from '../../api/generated/core-v1.js';
import { quantityBytes } from '../../api/quantity.js';
import type { Clock } from '../../common/clock.js';
import { tryCommand } from '../../common/run-command.js';
import type { Mounter } from './mounter.js';
import type { LocatedVolume, VolumeManager } from './volume-manager.js';

export interface VolumeUsage {
  /** As the Pod calls it. */
  readonly name: string;
  /** `namespace/name` of its claim. */
  readonly claim: string | undefined;
  /** What is in it counts as ephemeral storage of the Pod: on the node's disk, and gone with the Pod. */
  readonly isEphemeralStorage: boolean;
  /** Of an emptyDir; more than this is a reason to evict the Pod. */
  readonly sizeLimitBytes: number | undefined;
  readonly usedBytes: number;
  readonly inodesUsed: number;
  /** Of the filesystem that the volume is on, which others may use, too. */
  readonly capacityBytes: number;
  readonly availableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
  /** When it was measured. */
  readonly timeMs: number;
}

export interface VolumeStatsOptions {
  readonly volumes: Pick<VolumeManager, 'locate'>;
  readonly mounter: Mounter;
  readonly clock: Clock;
  readonly maxAgeMs?: number;
}

type Measured = ReadonlyMap<string, readonly VolumeUsage[]>;

interface Place {
  readonly uid: string;
  readonly volume: LocatedVolume;
  readonly path: string;
  readonly hasOwnMount: boolean;
}

export class VolumeStats {
  readonly #options: VolumeStatsOptions;
  #current:
    { readonly key: string; readonly untilMs: number; readonly measured: Promise<Measured> } | undefined;

  constructor(options: VolumeStatsOptions) {
    this.#options = options;
  }

  /**
   * By the Pods' uids. Volumes of the node itself (hostPath), devices and images have no figures. Whoever asks for the
   * same Pods within a minute, or while they are measured, gets the same answer.
   */
  async ofPods(pods: readonly Pod[]): Promise<Measured> {
    const { clock, maxAgeMs = 60_000 } = this.#options;
    const key = pods
      .map(({ metadata }) => metadata.uid)
      .sort()
      .join(' ');
    if (this.#current?.key === key && clock.monotonicMs() < this.#current.untilMs)
      return this.#current.measured;
    const measured = this.#measure(pods);
    this.#current = { key, untilMs: clock.monotonicMs() + maxAgeMs, measured };
    measured.catch(() => {
      this.#current = undefined;
    });
    return measured;
  }

  async #measure(pods: readonly Pod[]): Promise<Measured> {
    const places = await this.#places(pods);
    const folders = places.filter(({ hasOwnMount }) => !hasOwnMount).map(({ path }) => path);
    const [bytes, inodes] = await Promise.all([
      runDu(['--block-size=1'], folders),
      runDu(['--inodes'], folders),
    ]);
    const usages = new Map<string, VolumeUsage[]>(pods.map(({ metadata }) => [metadata.uid, []]));
    for (const place of places) {
      const usage = await this.#usageOf(place, bytes.get(place.path), inodes.get(place.path));
      if (usage !== undefined) usages.get(place.uid)?.push(usage);
    }
    return usages;
  }

  async #places(pods: readonly Pod[]): Promise<readonly Place[]> {
    const { volumes, mounter } = this.#options;
    const mounted = new Set((await mounter.mounts()).map(({ path }) => path));
    const places: Place[] = [];
    for (const pod of pods)
      for (const volume of await volumes.locate(pod)) {
        const { ready, spec } = volume;
        if (ready?.kind !== 'filesystem' || spec.kind === 'hostPath') continue;
        const hasOwnMount = mounted.has(ready.path);
        // A disk or share that is not mounted has no figures: those of the folder would be wrong.
        if (!hasOwnMount && !volume.plugin.isEphemeral) continue;
        places.push({ uid: pod.metadata.uid, volume, path: ready.path, hasOwnMount });
      }
    return places;
  }

  async #usageOf(
    { volume, path, hasOwnMount }: Place,
    bytes: number | undefined,
    inodesUsed: number | undefined,
  ): Promise<VolumeUsage | undefined> {
    const found = await statfs(path).catch(whenGone);
    if (found === undefined) return undefined;
    const { bsize, blocks, bfree, bavail, files, ffree } = found;
    const used = hasOwnMount
      ? { usedBytes: (blocks - bfree) * bsize, inodesUsed: files - ffree }
      : bytes !== undefined && inodesUsed !== undefined && { usedBytes: bytes, inodesUsed };
    if (used === false) return undefined;
    const { emptyDir } = volume.spec.source;
    return {
      name: volume.name,
      claim: volume.spec.claim,
      isEphemeralStorage: volume.plugin.isEphemeral && !hasOwnMount,
      sizeLimitBytes: emptyDir?.sizeLimit === undefined ? undefined : quantityBytes(emptyDir.sizeLimit),
      ...used,
      capacityBytes: blocks * bsize,
      availableBytes: bavail * bsize,
      inodes: files,
      inodesFree: ffree,
      timeMs: this.#options.clock.now(),
    };
  }
}

/** Figures by path. Folders that vanish meanwhile have none. */
async function runDu(
  options: readonly string[],
  folders: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  if (folders.length === 0) return new Map();
  const args = ['--summarize', '--one-file-system', '--null', ...options, '--files0-from=-'];
  const { stdout } = await tryCommand('du', args, { input: folders.join('\0'), timeoutMs: 120_000 });
  return parseDu(stdout);
}

/** `12345<tab>/path`, each ended by a null byte. Pure. */
export function parseDu(text: string): ReadonlyMap<string, number> {
  const figures = new Map<string, number>();
  for (const entry of text.split('\0')) {
    const tab = entry.indexOf('\t');
    if (tab > 0) figures.set(entry.slice(tab + 1), Number(entry.slice(0, tab)));
  }
  return figures;
}

/** Its Pod ended since the list was made. */
function whenGone(error: unknown): undefined {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
  throw error;
}
