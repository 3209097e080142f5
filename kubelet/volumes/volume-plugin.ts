/**
 * The seam for kinds of volumes: a plugin knows one kind, its name is its folder below a Pod's `volumes`.
 * Plugins are listed in `registry.ts`.
 */
import type {
  ConfigMap,
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

export interface VolumeContext {
  readonly pod: Pod;
  readonly volume: Volume;
  /** The folder that belongs to this volume: made and removed by the volume manager's callers of {@link VolumePlugin}. */
  readonly folder: string;
  readonly mounter: Mounter;
  /** Group that must be able to use the files (the Pod's fsGroup). */
  readonly groupId: number | undefined;
  readonly facts: PodFacts;
  readonly nowMs: number;
  configMap(name: string): Promise<ConfigMap | undefined>;
  secret(name: string): Promise<Secret | undefined>;
  /** A token of the Pod's service account that is fresh for a while. Rejects when none can be had. */
  token(projection: ServiceAccountTokenProjection): Promise<string>;
}

export interface VolumePlugin {
  /** `kubernetes.io~empty-dir` */
  readonly folderName: string;
  /** Its content follows API objects: set up again whenever one of them changes. */
  readonly isPayload: boolean;
  supports(volume: Volume): boolean;
  /** Makes the volume usable and answers the path to mount. Idempotent. Rejects with {@link VolumeError}. */
  setUp(context: VolumeContext): Promise<string>;
}
