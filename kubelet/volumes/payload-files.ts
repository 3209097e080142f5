/** The files of ConfigMap, Secret, downward API and projected volumes. Pure, but for looking objects up. */
import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from '../../api/generated/core-v1.js';
import { fieldValue, resourceValue } from '../environment/downward-api.js';
import type { VolumeFile, VolumeFiles } from './atomic-writer.js';
import { VolumeError } from './volume-plugin.js';
import type { VolumeContext } from './volume-plugin.js';

export interface Selection {
  readonly items: readonly KeyToPath[] | undefined;
  readonly optional: boolean;
  readonly mode: number;
}

export const defaultFileMode = 0o644;

export async function configMapFiles(
  context: VolumeContext,
  name: string,
  selection: Selection,
): Promise<VolumeFiles> {
  const object = await context.configMap(name);
  if (object === undefined) return missing(`configmap "${name}" not found`, selection);
  return select(configMapData(object), 'configmap references non-existent config key', selection);
}

export async function secretFiles(
  context: VolumeContext,
  name: string,
  selection: Selection,
): Promise<VolumeFiles> {
  const object = await context.secret(name);
  if (object === undefined) return missing(`secret "${name}" not found`, selection);
  return select(secretData(object), 'references non-existent secret key', selection);
}

function configMapData({ data, binaryData }: ConfigMap): Map<string, Buffer> {
  const files = new Map<string, Buffer>();
  for (const [key, text] of Object.entries(data ?? {})) files.set(key, Buffer.from(text, 'utf8'));
  for (const [key, text] of Object.entries(binaryData ?? {})) files.set(key, Buffer.from(text, 'base64'));
  return files;
}

function secretData({ data }: Secret): Map<string, Buffer> {
  return new Map(Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}

function missing(message: string, { optional }: Selection): VolumeFiles {
  if (optional) return new Map();
  throw new VolumeError(message);
}

function select(data: ReadonlyMap<string, Buffer>, trouble: string, selection: Selection): VolumeFiles {
  const files = new Map<string, VolumeFile>();
  if (selection.items === undefined || selection.items.length === 0) {
    for (const [key, bytes] of data) files.set(key, { data: bytes, mode: selection.mode });
    return files;
  }
  for (const { key, path, mode } of selection.items) {
    const bytes = data.get(key);
    if (bytes !== undefined) files.set(path, { data: bytes, mode: mode ?? selection.mode });
    else if (!selection.optional) throw new VolumeError(`${trouble}: ${key}`);
  }
  return files;
}

export function downwardFiles(
  context: VolumeContext,
  items: readonly DownwardAPIVolumeFile[],
  defaultMode: number,
): VolumeFiles {
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const data = Buffer.from(downwardValue(context, item), 'utf8');
    files.set(item.path, { data, mode: item.mode ?? defaultMode });
  }
  return files;
}

function downwardValue({ pod, facts }: VolumeContext, item: DownwardAPIVolumeFile): string {
  if (item.fieldRef !== undefined) return fieldValue(pod, facts, item.fieldRef);
  const selector = item.resourceFieldRef;
  if (selector === undefined)
    throw new VolumeError(`the file ${item.path} names neither a field nor a resource`);
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])];
  const container = containers.find(({ name }) => name === selector.containerName);
  if (container === undefined) throw new VolumeError(`there is no container ${selector.containerName ?? ''}`);
  return resourceValue(container, facts, selector);
}

/** The token is readable by all users of the containers, or by those alone that the Pod names. */
async function tokenFile(
  context: VolumeContext,
  projection: ServiceAccountTokenProjection,
  mode: number,
): Promise<VolumeFiles> {
  const { pod, groupId } = context;
  const token = await context.token(projection);
  const ownerId = onlyUserOf(pod);
  const isPrivate = ownerId !== undefined || groupId !== undefined;
  const file: VolumeFile = {
    data: Buffer.from(token, 'utf8'),
    mode: isPrivate ? 0o600 : mode,
    ...(ownerId === undefined ? {} : { ownerId }),
  };
  return new Map([[projection.path, file]]);
}

/** The user as whom all containers run, where the Pod says so. */
function onlyUserOf({ spec }: Pod): number | undefined {
  const ofPod = spec.securityContext?.runAsUser;
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? ofPod,
  );
  return new Set(users).size === 1 ? users[0] : undefined;
}

export async function projectedFiles(
  context: VolumeContext,
  sources: readonly VolumeProjection[],
  mode: number,
): Promise<VolumeFiles> {
  const files = new Map<string, VolumeFile>();
  for (const source of sources) {
    for (const [path, file] of await filesOfSource(context, source, mode)) files.set(path, file);
  }
  return files;
}

async function filesOfSource(
  context: VolumeContext,
  source: VolumeProjection,
  mode: number,
): Promise<VolumeFiles> {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  if (configMap !== undefined) {
    const selection = { items: configMap.items, optional: configMap.optional === true, mode };
    return configMapFiles(context, configMap.name ?? '', selection);
  }
  if (secret !== undefined) {
    const selection = { items: secret.items, optional: secret.optional === true, mode };
    return secretFiles(context, secret.name ?? '', selection);
  }
  if (downwardAPI !== undefined) return downwardFiles(context, downwardAPI.items ?? [], mode);
  if (serviceAccountToken !== undefined) return tokenFile(context, serviceAccountToken, mode);
  throw new VolumeError(unsupported(source));
}

/** Two sources need kinds of v1beta1, which this cluster does not serve. */
function unsupported(source: VolumeProjection): string {
  if (source.clusterTrustBundle !== undefined)
    return 'projected source clusterTrustBundle: this cluster serves no ClusterTrustBundle (certificates.k8s.io/v1beta1)';
  if (source.podCertificate !== undefined)
    return 'projected source podCertificate: this cluster serves no PodCertificateRequest (certificates.k8s.io/v1beta1)';
  return `projected source ${Object.keys(source)[0] ?? 'that is empty'} is not known`;
}
