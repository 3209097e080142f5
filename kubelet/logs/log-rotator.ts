/**
 * Keeps containers' logs within bounds: a log that has grown too large is renamed, the runtime is told to open a new one,
 * the one before is compressed, and the oldest are removed.
 *
 * Each step leaves files that the next round can go on with, so a kubelet that is killed loses nothing: a log that was
 * renamed and not opened anew is opened anew, half a compressed file is thrown away.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { isAborted } from '../../client/is-aborted.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import { isCriError } from '../cri/runtime.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import { isCompressed, rotatedFiles, rotatedName } from './rotated-files.js';

export interface LogRotatorOptions {
  readonly runtime: Pick<ContainerRuntime, 'listContainers' | 'containerStatus' | 'reopenContainerLog'>;
  readonly configuration: Pick<
    KubeletConfiguration,
    | 'containerLogMaxSizeBytes'
    | 'containerLogMaxFiles'
    | 'containerLogMaxWorkers'
    | 'containerLogMonitorIntervalMs'
  >;
  readonly clock: Clock;
  readonly log: Logger;
}

const unfinished = '.tmp';

export class LogRotator {
  readonly #options: LogRotatorOptions;
  /** Log paths of running containers: asked of the runtime once for each. */
  #paths = new Map<string, string>();

  constructor(options: LogRotatorOptions) {
    this.#options = options;
  }

  /** Looks at all logs again and again until the signal aborts; what is under way is finished. */
  async run(signal: AbortSignal): Promise<void> {
    const { configuration, clock, log } = this.#options;
    while (!isAborted(signal)) {
      await sleep(clock, configuration.containerLogMonitorIntervalMs, signal);
      if (isAborted(signal)) return;
      try {
        await this.rotateAll(signal);
      } catch (error) {
        if (!isAborted(signal)) log.warn('logs could not be looked at, will try again', { err: error });
      }
    }
  }

  /** One round over all running containers, with so many workers as the configuration says. */
  async rotateAll(signal?: AbortSignal): Promise<void> {
    const { runtime, configuration, log } = this.#options;
    const running = (await runtime.listContainers({}, signal)).filter(({ state }) => state === 'running');
    const known = this.#paths;
    this.#paths = new Map(running.flatMap(({ id }) => (known.has(id) ? [[id, known.get(id) ?? '']] : [])));
    const queue = running.map(({ id }) => id);
    const work = async (): Promise<void> => {
      for (let id = queue.shift(); id !== undefined && signal?.aborted !== true; id = queue.shift()) {
        try {
          await this.#look(id, signal);
        } catch (error) {
          if (isCriError(error, 'not-found')) continue;
          log.warn('a log could not be rotated, will try again', { container: id, err: error });
        }
      }
    };
    await Promise.all(Array.from({ length: configuration.containerLogMaxWorkers }, work));
  }

  async #look(id: string, signal: AbortSignal | undefined): Promise<void> {
    const { runtime, configuration } = this.#options;
    const path = this.#paths.get(id) ?? (await runtime.containerStatus(id, signal)).logPath;
    this.#paths.set(id, path);
    if (path === '') return;
    const size = await sizeOf(path);
    // Renamed, and then the kubelet was killed: the runtime still writes to the old name.
    if (size === undefined) await runtime.reopenContainerLog(id);
    else if (size > configuration.containerLogMaxSizeBytes) await this.#rotate(id, path);
  }

  async #rotate(id: string, path: string): Promise<void> {
    const { runtime, configuration, clock } = this.#options;
    await removeUnfinished(path);
    const before = await rotatedFiles(path);
    // With the one that is rotated now and the one that is written to, there will be as many as there may be.
    const firstKept = Math.max(0, before.length - Math.max(0, configuration.containerLogMaxFiles - 2));
    for (const file of before.slice(0, firstKept)) await rm(file, { force: true });
    for (const file of before.slice(firstKept)) if (!isCompressed(file)) await compress(file);
    const renamed = rotatedName(path, clock.now());
    // Twice in one second: the next round is soon enough, a name that is taken would lose a file.
    if ((await sizeOf(renamed)) !== undefined) return;
    await rename(path, renamed);
    try {
      await runtime.reopenContainerLog(id);
    } catch (error) {
      // The runtime writes on to what it has open: that must be found under its name.
      if ((await sizeOf(path)) === undefined) await rename(renamed, path);
      throw error;
    }
  }
}

async function compress(file: string): Promise<void> {
  const temporary = `${file}.gz${unfinished}`;
  await pipeline(
    createReadStream(file),
    createGzip({ level: 6 }),
    createWriteStream(temporary, { mode: 0o640 }),
  );
  await rename(temporary, `${file}.gz`);
  await rm(file, { force: true });
}

/** What a killed compression left: half a file, or the original beside the whole compressed one. */
async function removeUnfinished(path: string): Promise<void> {
  const [folder, own] = [dirname(path), `${basename(path)}.`];
  const names = (await readdir(folder)).filter((name) => name.startsWith(own));
  const isDone = (name: string): boolean => names.includes(`${name}.gz`);
  for (const name of names)
    if (name.endsWith(unfinished) || isDone(name)) await rm(join(folder, name), { force: true });
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
