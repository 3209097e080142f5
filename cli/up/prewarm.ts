/**
 * Brings the images of a node's most important Pods into the page cache, one after the other, before everybody else
 * starts: absent ones are pulled, and of each the files are read once. What the cache holds needs no disk when all start.
 */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FirstImage } from './first-images.js';

/** Where images are: containerd, or a twin in tests. */
export interface ImageFiles {
  has(image: string): Promise<boolean>;
  /** Rejects when the registry does not answer or refuses. */
  pull(image: string, signal: AbortSignal): Promise<void>;
  /** Calls `read` with a folder that shows the files of the image; the folder is gone afterwards. */
  withFiles(image: string, read: (folder: string) => Promise<void>): Promise<void>;
}

export interface PrewarmLimits {
  readonly maxBytes: number;
  /** Aborts when the time is over: what is not warm by then is read when it is needed. */
  readonly signal: AbortSignal;
}

export interface PrewarmResult {
  readonly warmed: number;
  readonly pulled: number;
  readonly bytes: number;
  /** Why an image is not warm, one sentence each. */
  readonly problems: readonly string[];
  /** Undefined: all was done. */
  readonly stoppedBy: 'bytes' | 'time' | undefined;
}

/**
 * What is there is read first: a registry that does not answer must not cost the time for it. Never rejects for an image:
 * whatever is wrong with it, its Pod will tell.
 */
export async function prewarmImages(
  images: readonly FirstImage[],
  files: ImageFiles,
  limits: PrewarmLimits,
): Promise<PrewarmResult> {
  const { signal, maxBytes } = limits;
  const budget: Budget = { left: maxBytes, signal };
  const problems: string[] = [];
  const absent: string[] = [];
  let warmed = 0;
  let pulled = 0;
  const attempt = async (image: string, work: () => Promise<void>): Promise<void> => {
    if (isOver(budget)) return;
    try {
      await work();
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      problems.push(`${image}: ${isOver(budget) ? 'there was no time for it' : why}`);
    }
  };
  const warm = async (image: string): Promise<void> => {
    await files.withFiles(image, (folder) => readFolder(folder, budget));
    warmed += 1;
  };
  for (const { image, mayPull } of images)
    await attempt(image, async () => {
      if (await files.has(image)) await warm(image);
      else if (mayPull) absent.push(image);
    });
  for (const image of absent)
    await attempt(image, async () => {
      await files.pull(image, signal);
      pulled += 1;
      await warm(image);
    });
  const stoppedBy = signal.aborted ? 'time' : budget.left <= 0 ? 'bytes' : undefined;
  return { warmed, pulled, bytes: maxBytes - Math.max(0, budget.left), problems, stoppedBy };
}

interface Budget {
  left: number;
  readonly signal: AbortSignal;
}

const isOver = ({ left, signal }: Budget): boolean => left <= 0 || signal.aborted;

/** Links are not followed: they may lead out of the image. */
async function readFolder(folder: string, budget: Budget): Promise<void> {
  const entries = await readdir(folder, { withFileTypes: true });
  for (const entry of entries) {
    if (isOver(budget)) return;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) await readFolder(path, budget);
    else if (entry.isFile()) await readOnce(path, budget);
  }
}

const chunk = Buffer.allocUnsafe(1024 * 1024);

/** The bytes themselves are of no interest. One file at a time, so that a slow disk reads in one go. */
async function readOnce(path: string, budget: Budget): Promise<void> {
  const file = await open(path, 'r');
  try {
    while (!isOver(budget)) {
      const { bytesRead } = await file.read(chunk, 0, Math.min(chunk.length, budget.left));
      if (bytesRead === 0) return;
      budget.left -= bytesRead;
    }
  } finally {
    await file.close();
  }
}
