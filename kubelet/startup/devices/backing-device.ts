/** The seam between the startup gate and the machine: which devices carry a path. */

/** A device whose bandwidth all share who use it: a disk, a FUSE or network file system, or a backend of these. */
export interface BackingDevice {
  /** The same for all that share it: `8:0`, `fuse 0:45`, `nfs server:/export`, or the name of a configured backend. */
  readonly key: string;
  /** For people: `/dev/sda`. */
  readonly about: string;
  /**
   * The rows of /proc/diskstats on the way to it, as `major:minor`, topmost first: a partition before its disk. Empty
   * when no block device is on the way.
   */
  readonly diskstats: readonly string[];
}

/** May be called concurrently. */
export interface DeviceFinder {
  /**
   * The devices that carry a file or folder (of one that is not there: its nearest parent). None for what is kept in
   * memory. Never rejects: what cannot be resolved is logged once, and what is known of it answered.
   */
  find(path: string): Promise<readonly BackingDevice[]>;
  /** The same for a block device, `major:minor`. */
  findBlockDevice(device: string): Promise<readonly BackingDevice[]>;
  /** An export of an NFS server, `server:/path`, mounted or not. */
  findNetwork(type: string, source: string): Promise<readonly BackingDevice[]>;
  /** The configured backend that carries a storage class or a registry; undefined when none is named for it. */
  findBackend(
    what: { readonly storageClass: string } | { readonly registry: string },
  ): BackingDevice | undefined;
  /** From now on a device counts as part of a backend: a volume of a storage class that the backend carries. */
  addToBackend(name: string, devices: readonly BackingDevice[]): void;
}
