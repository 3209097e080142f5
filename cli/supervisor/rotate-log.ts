/** Keeps log files from growing without end. */
import { copyFile, rename, stat, truncate } from 'node:fs/promises';

export interface RotationLimits {
  readonly maxBytes: number;
  /** How many old files are kept: NAME.log.1 is the youngest. */
  readonly keep: number;
}

export const defaultRotation: RotationLimits = { maxBytes: 20 * 1024 * 1024, keep: 3 };

/**
 * Copies a file that has grown beyond the limit to FILE.1 and empties it. Its writer has it open for appending and
 * writes on at the beginning; a line written between copy and truncation is lost. Returns whether it rotated.
 */
export async function rotateLog(file: string, limits: RotationLimits): Promise<boolean> {
  try {
    if ((await stat(file)).size <= limits.maxBytes) return false;
    for (let index = limits.keep - 1; index >= 1; index -= 1) {
      await rename(`${file}.${String(index)}`, `${file}.${String(index + 1)}`).catch(ignoreMissing);
    }
    await copyFile(file, `${file}.1`);
    await truncate(file, 0);
    return true;
  } catch (error) {
    ignoreMissing(error);
    return false;
  }
}

function ignoreMissing(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
