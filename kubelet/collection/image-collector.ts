/**
 * Removes images that no container uses, when the disk they are on is full to `imageGCHighThresholdPercent`, or when
 * nobody used them for `imageMaximumGCAge`. Looks every 5 minutes; a node under disk pressure asks at once.
 *
 * How old an image is, is counted from when this kubelet first saw it.
 */
import { statfs } from 'node:fs/promises';
import type { Node } from '../../api/generated/core-v1.js';
import type { EventRecorder } from '../../client/types.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import { bytesToFree, imagesToRemove, imagesTooOld, updateRecords } from './choose-images.js';
import type { ImagePolicy, ImageRecord } from './choose-images.js';

export interface ImageCollectorOptions {
  readonly runtime: ContainerRuntime;
  readonly policy: ImagePolicy;
  /** Told of each image that goes. */
  readonly onRemoved: (names: readonly string[]) => void;
  readonly diskOf?: (path: string) => Promise<{ availableBytes: number; capacityBytes: number }>;
  /** For Events. */
  readonly node: () => Node | undefined;
  readonly recorder: EventRecorder;
  readonly clock: Clock;
  readonly log: Logger;
}

const intervalMs = 300_000;

export class ImageCollector {
  readonly #options: ImageCollectorOptions;
  #records: ReadonlyMap<string, ImageRecord> = new Map();

  constructor(options: ImageCollectorOptions) {
    this.#options = options;
  }

  /** Looks until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const stopped = (): boolean => signal.aborted;
    while (!stopped()) {
      try {
        await this.collect(signal);
      } catch (error) {
        if (!stopped()) log.warn('images could not be collected, will try again', { err: error });
      }
      await sleep(clock, intervalMs, signal);
    }
  }

  /** Removes what is too old, and what must go to make room. */
  async collect(signal: AbortSignal): Promise<void> {
    const { runtime, policy, clock, recorder, node, diskOf = readDisk } = this.#options;
    const nowMs = await this.#look(signal);
    for (const record of imagesTooOld(this.#records, policy.maximumAgeMs, nowMs))
      await this.#remove(record, signal);
    const place = (await runtime.imageFilesystems(signal)).images[0]?.mountpoint;
    if (place === undefined) return;
    const freeBytes = bytesToFree(await diskOf(place), policy);
    if (freeBytes === 0) return;
    const chosen = imagesToRemove(this.#records, {
      freeBytes,
      minimumAgeMs: policy.minimumAgeMs,
      nowMs: clock.now(),
    });
    for (const record of chosen) await this.#remove(record, signal);
    const freed = chosen.reduce((sum, { image }) => sum + image.sizeBytes, 0);
    const about = node();
    if (freed < freeBytes && about !== undefined)
      recorder.event(
        about,
        'Warning',
        'FreeDiskSpaceFailed',
        `Failed to garbage collect required amount of images. Attempted to free ${freeBytes} bytes, but only found ${freed} bytes eligible to free.`,
      );
  }

  /** Removes all that nobody uses: the node is under disk pressure. */
  async removeUnused(signal: AbortSignal): Promise<void> {
    const nowMs = await this.#look(signal);
    const chosen = imagesToRemove(this.#records, { freeBytes: Infinity, minimumAgeMs: 0, nowMs });
    for (const record of chosen) await this.#remove(record, signal);
  }

  async #look(signal: AbortSignal): Promise<number> {
    const { runtime, clock } = this.#options;
    const [images, containers, { sandboxImage }] = await Promise.all([
      runtime.listImages(signal),
      runtime.listContainers({}, signal),
      runtime.features(signal),
    ]);
    const nowMs = clock.now();
    // Older runtimes do not pin the image that every sandbox needs.
    const inUse = new Set([
      ...containers.flatMap(({ imageRef, imageId = '' }) => [imageRef, imageId]),
      ...(sandboxImage === undefined ? [] : [sandboxImage]),
    ]);
    this.#records = updateRecords(this.#records, images, inUse, nowMs);
    return nowMs;
  }

  async #remove({ image }: ImageRecord, signal: AbortSignal): Promise<void> {
    const { runtime, log, onRemoved } = this.#options;
    await runtime.removeImage(image.id, signal);
    const names = [...image.repoTags, ...image.repoDigests];
    onRemoved(names);
    log.info('removed an image that is not in use', { image: names[0] ?? image.id, bytes: image.sizeBytes });
  }
}

async function readDisk(path: string): Promise<{ availableBytes: number; capacityBytes: number }> {
  const { bavail, blocks, bsize } = await statfs(path);
  return { availableBytes: bavail * bsize, capacityBytes: blocks * bsize };
}
