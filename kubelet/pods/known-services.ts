/**
 * The Services that containers are told of in their environment. They are saved as well, so that a container that ends
 * while the apiserver is away can be started again with what it knew before.
 */
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Pod, Service } from '../../api/generated/core-v1.js';
import type { Informer } from '../../client/types.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { Deadline } from '../../common/deadline.js';
import type { Logger } from '../../common/log.js';
import { ConfigurationError } from '../environment/resolve-environment.js';
import { isStaticPod } from './static-pod.js';

export interface KnownServicesOptions {
  readonly informer: Informer<Service>;
  /** Where they are saved. */
  readonly path: string;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How long a start waits for the apiserver when there is something saved, and when there is not. */
const patienceMs = { saved: 1000, nothing: 5000 } as const;
/** Changes within this time are saved as one. */
const saveDelayMs = 2000;

export class KnownServices {
  readonly #options: KnownServicesOptions;
  #changed: (() => void) | undefined;

  constructor(options: KnownServicesOptions) {
    this.#options = options;
  }

  /**
   * The Services as they are now, or as they were known last. Rejects with ConfigurationError when neither is there; a
   * static Pod, which must run without an apiserver, then goes without.
   */
  async list(pod: Pod, signal: AbortSignal): Promise<readonly Service[]> {
    const { informer, clock } = this.#options;
    if (informer.synced) return informer.list();
    const saved = await this.#load();
    const timeoutMs = isStaticPod(pod) || saved !== undefined ? patienceMs.saved : patienceMs.nothing;
    const within = new Deadline(clock, timeoutMs, signal);
    try {
      await informer.whenSynced(within.signal);
      return informer.list();
    } catch (error) {
      if (signal.aborted) throw error;
      if (saved !== undefined) return saved;
      if (isStaticPod(pod)) return [];
      const text = 'services have not yet been read at least once, cannot construct envvars';
      throw new ConfigurationError(text, { cause: error });
    } finally {
      within.clear();
    }
  }

  /** Saves what changes until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { informer, clock, log } = this.#options;
    const wake = (): void => this.#changed?.();
    const unfollow = informer.addHandler({ onAdd: wake, onUpdate: wake, onDelete: wake });
    signal.addEventListener('abort', wake, { once: true });
    while (!signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#changed = resolve;
        if (signal.aborted) resolve();
      });
      await sleep(clock, saveDelayMs, signal);
      if (!informer.synced) continue;
      try {
        await this.#save();
      } catch (error) {
        log.warn('the services could not be saved', { err: error });
      }
    }
    unfollow();
  }

  async #save(): Promise<void> {
    const { informer, path } = this.#options;
    const services = informer.list().map(({ apiVersion, kind, metadata, spec: { clusterIP, ports } }) => ({
      apiVersion,
      kind,
      metadata: { name: metadata.name, namespace: metadata.namespace },
      spec: { clusterIP, ports },
    }));
    await mkdir(dirname(path), { recursive: true });
    await writeFile(`${path}.new`, JSON.stringify(services), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async #load(): Promise<readonly Service[] | undefined> {
    const { path, log } = this.#options;
    try {
      return JSON.parse(await readFile(path, 'utf8')) as Service[];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        log.warn('the saved services cannot be read', { path, err: error });
      return undefined;
    }
  }
}
