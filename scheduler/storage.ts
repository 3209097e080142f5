/** Claims, volumes and classes as the informers see them, for the plugins; their changes wake Pods that wait for them. */
import type { PersistentVolume, PersistentVolumeClaim } from '../api/generated/core-v1.js';
import type { StorageClass } from '../api/generated/storage-v1.js';
import { persistentVolumeClaims, persistentVolumes, storageClasses } from '../api/resources.js';
import type { ApiClient, Informer, InformerFactory } from '../client/types.js';
import type { Clock } from '../common/clock.js';
import type { ClusterEvent } from './framework/cluster-event.js';
import type { StorageView } from './framework/storage-view.js';

export interface StorageOptions {
  readonly client: ApiClient;
  readonly informers: InformerFactory;
  readonly clock: Clock;
}

export class Storage implements StorageView {
  readonly #client: ApiClient;
  readonly #clock: Clock;
  readonly #claims: Informer<PersistentVolumeClaim>;
  readonly #volumes: Informer<PersistentVolume>;
  readonly #classes: Informer<StorageClass>;
  readonly #waiters = new Set<() => void>();

  /** Asks for its informers: make it before they run. */
  constructor({ client, informers, clock }: StorageOptions) {
    this.#client = client;
    this.#clock = clock;
    this.#claims = informers.informer(persistentVolumeClaims);
    this.#volumes = informers.informer(persistentVolumes);
    this.#classes = informers.informer(storageClasses);
  }

  get synced(): boolean {
    return this.#claims.synced && this.#volumes.synced && this.#classes.synced;
  }

  /** How many wait for a volume: they take no part in the bindings that the server is busy with. */
  get waiting(): number {
    return this.#waiters.size;
  }

  async whenSynced(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#claims.whenSynced(signal),
      this.#volumes.whenSynced(signal),
      this.#classes.whenSynced(signal),
    ]);
  }

  /** Starts to listen; the returned function stops it. */
  watch(onEvent: (event: ClusterEvent) => void): () => void {
    const stops = [
      listen(this.#claims, (claim) => {
        onEvent({ type: 'claim-changed', claim });
        this.#wakeAll();
      }),
      listen(this.#volumes, (volume) => {
        onEvent({ type: 'volume-changed', volume });
        this.#wakeAll();
      }),
      listen(this.#classes, (storageClass) => {
        onEvent({ type: 'storage-class-changed', storageClass });
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  claim(key: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(key);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.get(name);
  }

  volumes(): readonly PersistentVolume[] {
    return this.#volumes.list();
  }

  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get(name);
  }

  updateVolume(volume: PersistentVolume): Promise<PersistentVolume> {
    return this.#client.resource(persistentVolumes).update(volume);
  }

  updateClaim(claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim> {
    return this.#client.resource(persistentVolumeClaims).update(claim);
  }

  until<T>(look: () => T | undefined, timeoutMs: number, signal: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#waiters.delete(check);
        cancelTimer();
        signal.removeEventListener('abort', onAbort);
      };
      const fail = (error: unknown): void => {
        end();
        reject(error instanceof Error ? error : new Error(String(error)));
      };
      const check = (): void => {
        try {
          const answer = look();
          if (answer === undefined) return;
          end();
          resolve(answer);
        } catch (error) {
          fail(error);
        }
      };
      const onAbort = (): void => {
        fail(signal.reason);
      };
      const cancelTimer = this.#clock.schedule(timeoutMs, () => {
        fail(new Error('timed out waiting for the condition'));
      });
      this.#waiters.add(check);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      else check();
    });
  }

  #wakeAll(): void {
    for (const check of [...this.#waiters]) check();
  }
}

function listen<T extends PersistentVolume | PersistentVolumeClaim | StorageClass>(
  informer: Informer<T>,
  onChange: (object: T) => void,
): () => void {
  return informer.addHandler({
    onAdd: onChange,
    onUpdate: (_before, after) => {
      onChange(after);
    },
    onDelete: onChange,
  });
}
