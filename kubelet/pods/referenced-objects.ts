/** Which ConfigMaps and Secrets a Pod needs, by name in its namespace. Pure. */
import type { Container, Pod, Volume } from '../../api/generated/core-v1.js';

export interface References {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
}

export function referencesOfPod(pod: Pod): References {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  const collect = (references: References): void => {
    for (const name of references.configMaps) configMaps.add(name);
    for (const name of references.secrets) secrets.add(name);
  };
  for (const container of [...(pod.spec.initContainers ?? []), ...pod.spec.containers])
    collect(referencesOfContainer(container));
  for (const volume of pod.spec.volumes ?? []) collect(referencesOfVolume(volume));
  return { configMaps, secrets };
}

/** Those of the environment. */
export function referencesOfContainer(container: Container): References {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const { configMapRef, secretRef } of container.envFrom ?? []) {
    if (configMapRef?.name !== undefined) configMaps.add(configMapRef.name);
    if (secretRef?.name !== undefined) secrets.add(secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name !== undefined) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name !== undefined) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps, secrets };
}

export function referencesOfVolume(volume: Volume): References {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  if (volume.configMap?.name !== undefined) configMaps.add(volume.configMap.name);
  if (volume.secret?.secretName !== undefined) secrets.add(volume.secret.secretName);
  for (const { configMap, secret } of volume.projected?.sources ?? []) {
    if (configMap?.name !== undefined) configMaps.add(configMap.name);
    if (secret?.name !== undefined) secrets.add(secret.name);
  }
  return { configMaps, secrets };
}
