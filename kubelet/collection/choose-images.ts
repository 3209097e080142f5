/**
 * Which images are removed to make room, and in which order. Pure.
 *
 * Never one that a container uses or that the runtime has pinned. The one that was used longest ago goes first; of those
 * never used, the one that was seen first. What has not been here for its minimum age stays: it may be on its way to a
 * container.
 */
import type { RuntimeImage } from '../cri/runtime.js';

export interface ImageRecord {
  readonly image: RuntimeImage;
  readonly firstSeenMs: number;
  /** -Infinity: never by a container that this kubelet saw. */
  readonly lastUsedMs: number;
}

export interface ImagePolicy {
  /** Usage of the disk in percent at which images go, and down to which they go. */
  readonly highPercent: number;
  readonly lowPercent: number;
  readonly minimumAgeMs: number;
  /** What was not used for so long goes in any case; 0: it does not. */
  readonly maximumAgeMs: number;
}

/** The records of the images that are there now. An image in use was used now. */
export function updateRecords(
  before: ReadonlyMap<string, ImageRecord>,
  images: readonly RuntimeImage[],
  inUse: ReadonlySet<string>,
  nowMs: number,
): ReadonlyMap<string, ImageRecord> {
  return new Map(
    images.map((image): [string, ImageRecord] => {
      const known = before.get(image.id);
      const isUsed = [image.id, ...image.repoDigests, ...image.repoTags].some((name) => inUse.has(name));
      return [
        image.id,
        {
          image,
          firstSeenMs: known?.firstSeenMs ?? nowMs,
          lastUsedMs: isUsed ? nowMs : (known?.lastUsedMs ?? -Infinity),
        },
      ];
    }),
  );
}

/** How many bytes must become free; 0 while there is enough room, and always with a high percentage of 100. */
export function bytesToFree(
  disk: { readonly availableBytes: number; readonly capacityBytes: number },
  { highPercent, lowPercent }: Pick<ImagePolicy, 'highPercent' | 'lowPercent'>,
): number {
  if (disk.capacityBytes === 0 || highPercent === 100) return 0;
  const usedPercent = 100 - Math.floor((disk.availableBytes * 100) / disk.capacityBytes);
  if (usedPercent < highPercent) return 0;
  return Math.max(0, Math.floor((disk.capacityBytes * (100 - lowPercent)) / 100) - disk.availableBytes);
}

/** In the order of their removal: until so many bytes would be free (`Infinity`: all that may go). */
export function imagesToRemove(
  records: ReadonlyMap<string, ImageRecord>,
  options: { readonly freeBytes: number; readonly minimumAgeMs: number; readonly nowMs: number },
): readonly ImageRecord[] {
  const { freeBytes, minimumAgeMs, nowMs } = options;
  const candidates = removable(records, nowMs)
    .filter(({ firstSeenMs }) => nowMs - firstSeenMs >= minimumAgeMs)
    .sort((a, b) => compare(a.lastUsedMs, b.lastUsedMs) || a.firstSeenMs - b.firstSeenMs);
  const chosen: ImageRecord[] = [];
  let free = 0;
  for (const record of candidates) {
    if (free >= freeBytes) break;
    chosen.push(record);
    free += record.image.sizeBytes;
  }
  return chosen;
}

/** Those that nobody has used for longer than the maximum age. What was never used counts from when it was seen. */
export function imagesTooOld(
  records: ReadonlyMap<string, ImageRecord>,
  maximumAgeMs: number,
  nowMs: number,
): readonly ImageRecord[] {
  if (maximumAgeMs === 0) return [];
  return removable(records, nowMs).filter(
    ({ lastUsedMs, firstSeenMs }) => nowMs - Math.max(lastUsedMs, firstSeenMs) > maximumAgeMs,
  );
}

function removable(records: ReadonlyMap<string, ImageRecord>, nowMs: number): ImageRecord[] {
  return [...records.values()].filter(({ image, lastUsedMs }) => lastUsedMs < nowMs && image.pinned !== true);
}

function compare(a: number, b: number): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
