/** What plugins see of storage, and the little that they may change of it. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.js';
import type { StorageClass } from '../../api/generated/storage-v1.js';

export interface StorageView {
  /** By `namespace/name`. Read-only, as all that comes out of here. */
  claim(key: string): PersistentVolumeClaim | undefined;
  volume(name: string): PersistentVolume | undefined;
  volumes(): readonly PersistentVolume[];
  storageClass(name: string): StorageClass | undefined;
  /** Both reject with StatusError: Conflict when the object was changed meanwhile. */
  updateVolume(volume: PersistentVolume): Promise<PersistentVolume>;
  updateClaim(claim: PersistentVolumeClaim): Promise<PersistentVolumeClaim>;
  /**
   * Looks now and after each change of a claim or volume, until `look` has an answer. Rejects when none comes in
   * `timeoutMs`, when `look` throws, and with the signal's reason.
   */
  until<T>(look: () => T | undefined, timeoutMs: number, signal: AbortSignal): Promise<T>;
}
