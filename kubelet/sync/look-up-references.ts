/** Everything outside of its own definition that a container's environment is made of. */
import { open, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigMap, Container, Pod, Secret } from '../../api/generated/core-v1.js';
import { ConfigurationError, fileKey } from '../environment/resolve-environment.js';
import { referencesOfContainer } from '../pods/referenced-objects.js';
import type { ReadyVolume } from '../volumes/volume-plugin.js';
import type { PodServices } from './pod-services.js';

export interface References {
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  readonly secrets: ReadonlyMap<string, Secret>;
  readonly files: ReadonlyMap<string, string>;
}

/** A file of variables is not longer than this. */
const maxFileBytes = 64 * 1024;

/** What is not there is left out. Rejects with ConfigurationError for what cannot be read. */
export async function lookUpReferences(
  services: Pick<PodServices, 'objects'>,
  { pod, volumes }: { readonly pod: Pod; readonly volumes: ReadonlyMap<string, ReadyVolume> },
  container: Container,
): Promise<References> {
  const { uid, namespace } = pod.metadata;
  const names = referencesOfContainer(container);
  const configMaps = new Map<string, ConfigMap>();
  const secrets = new Map<string, Secret>();
  const files = new Map<string, string>();
  const lookUps = [
    ...[...names.configMaps].map(async (name) => {
      const found = await services.objects.configMaps.get(namespace, name, uid);
      if (found !== undefined) configMaps.set(name, found);
    }),
    ...[...names.secrets].map(async (name) => {
      const found = await services.objects.secrets.get(namespace, name, uid);
      if (found !== undefined) secrets.set(name, found);
    }),
    ...(container.env ?? []).map(async ({ valueFrom }) => {
      const selector = valueFrom?.fileKeyRef;
      if (selector === undefined) return;
      const text = await readWithin(volumes.get(selector.volumeName)?.path, selector.path);
      if (text !== undefined) files.set(fileKey(selector), text);
    }),
  ];
  await Promise.all(lookUps);
  return { configMaps, secrets, files };
}

/** A container wrote the volume: a link in it must not lead to a file of the node. */
async function readWithin(volume: string | undefined, path: string): Promise<string | undefined> {
  if (volume === undefined) return undefined;
  try {
    const [root, real] = await Promise.all([realpath(volume), realpath(join(volume, path))]);
    if (!real.startsWith(`${root}/`))
      throw new ConfigurationError(`the file "${path}" leads out of its volume`);
    const file = await open(real, 'r');
    try {
      const { size } = await file.stat();
      if (size > maxFileBytes)
        throw new ConfigurationError(`the file "${path}" has more than ${maxFileBytes} bytes`);
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
