/**
 * The seam for kinds of volumes: a plugin knows one kind, its name is its folder below a Pod's `volumes`.
 * Plugins are listed in `registry.ts`; `docs/add-a-volume-plugin.md` shows how to add one.
 */
import type {
  ConfigMap,
  PersistentVolumeSpec,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from '../../api/generated/core-v1.js';
import type { PodFacts } from '../environment/downward-api.js';
import type { Mounter } from './mounter.js';

/** What is wrong with a volume; the text is shown in the Event FailedMount. */
export class VolumeError extends Error {
  override readonly name = 'VolumeError';
}

/** The sources that plugins here read. */
export type KnownSource = Pick<
  Volume,
  'configMap' | 'downwardAPI' | 'emptyDir' | 'hostPath' | 'image' | 'nfs' | 'projected' | 'secret'
> &
  Pick<PersistentVolumeSpec, 'local'>;

/**
 * What is to be made usable: a volume of the Pod's own, or the PersistentVolume that its claim is bound to. A plugin
 * finds its source at the same place in both: `source.hostPath`, `source.nfs`.
 */
export interface VolumeSpec {
  /** The name of the PersistentVolume, else that of the Pod's volume; the name of the volume's folder. */
  readonly name: string;
  readonly source: KnownSource;
  /** The name of the source's field in the API: `nfs`. */
  readonly kind: string;
  readonly mode: 'Filesystem' | 'Block';
  /** Nobody may write to it, whatever the containers ask for. */
  readonly readOnly: boolean;
  readonly mountOptions: readonly string[];
  /** The driver of a CSI volume: inline and persistent sources name it differently. */
  readonly csiDriver: string | undefined;
  /** `namespace/name` of the claim; undefined for a volume of the Pod's own. */
  readonly claim: string | undefined;
  /** Of the PersistentVolume; undefined for none. */
  readonly storageClass: string | undefined;
  /** ReadWriteOncePod: no second Pod may use it. */
  readonly isForOnePod: boolean;
}

/** A volume that containers can be given. */
export interface ReadyVolume {
  readonly kind: 'filesystem' | 'block' | 'image';
  /** The file or folder on the node, the device, or for an image what the runtime calls it. */
  readonly path: string;
  readonly readOnly: boolean;
}

export interface VolumeContext {
  readonly pod: Pod;
  readonly spec: VolumeSpec;
  /** The folder that belongs to this volume and Pod. The plugin makes it, the volume manager removes it. */
  readonly folder: string;
  /** A folder for the plugin's own notes on this volume and Pod; removed with the Pod. */
  readonly notesFolder: string;
  /** A folder that all Pods of this plugin share, for what several of them use. */
  readonly sharedFolder: string;
  readonly mounter: Mounter;
  /** Group that must be able to use the files (the Pod's fsGroup). */
  readonly groupId: number | undefined;
  readonly facts: PodFacts;
  readonly nowMs: number;
  readonly signal: AbortSignal | undefined;
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  /** A token of the Pod's service account that is fresh for a while. Rejects when none can be had. */
  token(projection: ServiceAccountTokenProjection): Promise<string>;
  /** Makes an image available; answers what the runtime calls it. Rejects when it cannot be had or mounted here. */
  image(reference: string, pullPolicy: string | undefined): Promise<string>;
}

export interface VolumePlugin {
  /** `kubernetes.io~empty-dir` */
  readonly folderName: string;
  /** Its content follows API objects: set up again whenever one of them changes. */
  readonly isPayload: boolean;
  /** Its files live and die with the Pod. Of others only an empty mount point is ever removed. */
  readonly isEphemeral: boolean;
  supports(spec: VolumeSpec): boolean;
  /**
   * Makes the volume usable and answers what to mount. Idempotent, also after a kill at any point of an earlier call.
   * One call for a Pod's volume at a time. Rejects with {@link VolumeError}, or whatever went wrong.
   */
  setUp(context: VolumeContext): Promise<ReadyVolume>;
  /** The device of a volume with mode Block. Absent: the kind has no devices. */
  setUpDevice?(context: VolumeContext): Promise<ReadyVolume>;
  /**
   * Lets go of what was made for several Pods, once `usedBy` says that nobody uses it: told the names of all volumes
   * of this plugin that some Pod of the node has. Called when a Pod is gone; not while any set-up runs.
   */
  releaseUnused?(shared: SharedCleanUp): Promise<void>;
}

export interface SharedCleanUp {
  readonly sharedFolder: string;
  readonly mounter: Mounter;
  readonly used: ReadonlySet<string>;
}
