/** Looks up what volumes are made of: at the apiserver, in the caches of what Pods refer to, and at the runtime. */
import type { Node, PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.js';
import { persistentVolumeClaims, persistentVolumes } from '../../api/resources.js';
import { isStatusError } from '../../api/status-error.js';
import type { ApiClient } from '../../client/types.js';
import type { RuntimeVersion } from '../cri/runtime.js';
import type { ImageManager } from '../images/image-manager.js';
import type { ReferencedObjectCache } from '../pods/referenced-object-cache.js';
import type { TokenManager } from '../service-accounts/token-manager.js';
import { imageMounts, whyNot } from './image-support.js';
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
    image: async (pod, reference, pullPolicy) => {
      const complaint = whyNot(imageMounts, runtime);
      if (complaint !== undefined) throw new VolumeError(complaint);
      return ensureImage(images, pod, reference, pullPolicy, signal);
    },
    node,
  };
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
