/** Static Pods from a folder of manifests, one Pod a file, or from a single file. */
import { watch } from 'node:fs';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pod } from '../../api/generated/core-v1.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import { ManifestError, readManifest } from './read-manifest.js';
import type { ManifestOrigin } from './read-manifest.js';

export interface FileSourceOptions {
  readonly path: string;
  /** How often everything is looked at, whether or not the kernel told of a change. */
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly origin: Omit<ManifestOrigin, 'source' | 'place'>;
  /** All Pods that there are now. */
  readonly onPods: (pods: readonly Pod[]) => void;
}

interface Read {
  readonly text: string;
  readonly pods: readonly Pod[];
}

/** An editor writes in several steps: what is half there is looked at again this much later. */
const settleMs = 100;

/**
 * Follows the folder until the signal aborts. A file that cannot be read keeps the Pod that it had, and the log says
 * what is wrong with it; a file that goes takes its Pod along. No folder is no Pod.
 */
export async function runFileSource(options: FileSourceOptions, signal: AbortSignal): Promise<void> {
  const { path, intervalMs, clock, log, onPods } = options;
  let known = new Map<string, Read>();
  while (!isAborted(signal)) {
    const changed = new AbortController();
    // Watched from before it is read, so that no change falls in between.
    const unwatch = watchPath(path, () => {
      changed.abort();
    });
    try {
      known = await readAll(options, known);
      onPods([...known.values()].flatMap(({ pods }) => pods));
    } catch (error) {
      log.error('the manifests of static pods cannot be read, what runs is left as it is', {
        path,
        err: error,
      });
    }
    await sleep(clock, intervalMs, AbortSignal.any([signal, changed.signal]));
    unwatch();
    if (changed.signal.aborted) await sleep(clock, settleMs, signal);
  }
}

function watchPath(path: string, onChange: () => void): () => void {
  try {
    const watcher = watch(path, onChange);
    watcher.on('error', onChange);
    return () => {
      watcher.close();
    };
  } catch {
    // It is not there, or cannot be watched: it is looked at from time to time.
    return () => undefined;
  }
}

async function readAll(
  { path, log, origin }: FileSourceOptions,
  known: ReadonlyMap<string, Read>,
): Promise<Map<string, Read>> {
  const found = new Map<string, Read>();
  for (const place of await filesOf(path)) {
    const before = known.get(place);
    const text = await readFile(place, 'utf8');
    if (before?.text === text) {
      found.set(place, before);
      continue;
    }
    try {
      found.set(place, { text, pods: readManifest(text, { ...origin, source: 'file', place }) });
    } catch (error) {
      if (!(error instanceof ManifestError)) throw error;
      log.error('a manifest cannot be used', { path: place, why: error.message });
      found.set(place, { text, pods: before?.pods ?? [] });
    }
  }
  return found;
}

/** In order of their names; hidden files are somebody's half-written ones. */
async function filesOf(path: string): Promise<string[]> {
  try {
    if (!(await stat(path)).isDirectory()) return [path];
    const files: string[] = [];
    for (const name of (await readdir(path)).sort()) {
      const file = join(path, name);
      if (!name.startsWith('.') && (await stat(file)).isFile()) files.push(file);
    }
    return files;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
