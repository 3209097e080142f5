/** Looks up what volumes are made of: at the apiserver, in the caches of what Pods refer to, and at the runtime. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.js';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient } from '../../client/types.js';
import type { RuntimeVersion } from '../cri/runtime.js';
import type { ImageManager } from '../images/image-manager.js';
import type { ReferencedObjectCache } from '../pods/referenced-object-cache.js';
import type { TokenManager } from '../service-accounts/token-manager.js';
import type { ObjectLookup } from './volume-manager.js';
import { VolumeError } from './volume-plugin.js';

export interface LookupParts {
  readonly client: ApiClient;
  readonly objects: ReferencedObjectCache;
  readonly tokens: TokenManager;
  readonly images: ImageManager;
  readonly runtime: RuntimeVersion;
  readonly node: () => Node | undefined;
  /** Ends waits for images when the kubelet stops. */
  readonly signal: AbortSignal;
}

export function createObjectLookup(parts: LookupParts): ObjectLookup {
  const { client, objects, tokens, images, runtime, node, signal } = parts;
  const claims = client.resource(persistentVolumeClaims);
  const volumes = client.resource(persistentVolumes);
  return {
    configMap: ({ metadata }, name) => objects.configMaps.get(metadata.namespace, name, metadata.uid),
    secret: ({ metadata }, name) => objects.secrets.get(metadata.namespace, name, metadata.uid),
    token: (pod, projection, file) => tokens.get(pod, projection, file),
    claim: (namespace, name): Promise<PersistentVolumeClaim | undefined> =>
      claims.get({ namespace, name }, signal).catch(whenNotFound),
    persistentVolume: (name): Promise<PersistentVolume | undefined> =>
      volumes.get({ name }, signal).catch(whenNotFound),
    image: (pod, reference, pullPolicy) => {
      requireImageVolumes(runtime);
      return ensureImage(images, pod, reference, pullPolicy, signal);
    },
    node,
  };
}

/** The first releases that mount images. */
const firstWithImages: Readonly<Record<string, readonly [major: number, minor: number]>> = {
  containerd: [2, 1],
  'cri-o': [1, 31],
};

/** Throws VolumeError when the runtime is known to be too old. Pure. */
export function requireImageVolumes({ runtimeName, runtimeVersion }: RuntimeVersion): void {
  const first = firstWithImages[runtimeName];
  const found = /^v?(\d+)\.(\d+)/.exec(runtimeVersion);
  if (first === undefined || found === null) return;
  const [major, minor] = [Number(found[1]), Number(found[2])];
  if (major > first[0] || (major === first[0] && minor >= first[1])) return;
  throw new VolumeError(
    `image volumes need ${runtimeName} ${first.join('.')} or later: this node runs ${runtimeVersion}`,
  );
}

async function ensureImage(
  images: ImageManager,
  pod: Pod,
  reference: string,
  pullPolicy: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const policy = pullPolicies.find((one) => one === pullPolicy);
  const container = {
    name: 'volume',
    image: reference,
    ...(policy === undefined ? {} : { imagePullPolicy: policy }),
  };
  return (await images.ensure(pod, container, signal)).id;
}

const pullPolicies = ['Always', 'IfNotPresent', 'Never'] as const;

function whenNotFound(error: unknown): undefined {
  if (isStatusError(error, 'NotFound')) return undefined;
  throw error;
}
