/** A container's environment from its definition and the objects that it names. Pure. */
import type {
  ConfigMap,
  Container,
  EnvVar,
  FileKeySelector,
  Pod,
  Secret,
  Service,
} from '../../api/generated/core-v1.js';
import { expandVariables } from './expand-variables.js';
import { fieldValue, resourceValue } from './downward-api.js';
import type { PodFacts } from './downward-api.js';
import { parseEnvFile } from './parse-env-file.js';
import { serviceVariables } from './service-variables.js';

/** The container cannot be made: something that it names is not there (CreateContainerConfigError). */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

export interface EnvironmentInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly facts: PodFacts;
  readonly services: readonly Service[];
  /** By name, in the Pod's namespace; those that the container refers to, as far as they exist. */
  readonly configMaps: ReadonlyMap<string, ConfigMap>;
  readonly secrets: ReadonlyMap<string, Secret>;
  /** Texts of the files that `fileKeyRef` names, by {@link fileKey}; those that exist. */
  readonly files: ReadonlyMap<string, string>;
}

export function fileKey({ volumeName, path }: Pick<FileKeySelector, 'volumeName' | 'path'>): string {
  return `${volumeName}/${path}`;
}

/** Later ones win: Services, then `envFrom`, then `env`, which may refer to all before it. */
export function resolveEnvironment(input: EnvironmentInput): Map<string, string> {
  const { pod, container } = input;
  const fromServices = serviceVariables(
    input.services,
    pod.metadata.namespace,
    pod.spec.enableServiceLinks ?? true,
  );
  const result = new Map<string, string>();
  for (const source of container.envFrom ?? []) {
    for (const [key, value] of wholeObject(input, source)) result.set((source.prefix ?? '') + key, value);
  }
  // Expansion sees the Services, too; the definition itself wins over them.
  const visible = new Map([...fromServices, ...result]);
  for (const variable of container.env ?? []) {
    const value = variableValue(input, variable, visible);
    if (value === undefined) continue;
    visible.set(variable.name, value);
    result.set(variable.name, value);
  }
  for (const [name, value] of fromServices) if (!result.has(name)) result.set(name, value);
  return result;
}

type EnvFrom = NonNullable<Container['envFrom']>[number];

function wholeObject(input: EnvironmentInput, source: EnvFrom): [string, string][] {
  if (source.configMapRef !== undefined) {
    const name = source.configMapRef.name ?? '';
    const object = input.configMaps.get(name);
    if (object === undefined && source.configMapRef.optional !== true)
      throw new ConfigurationError(`configmap "${name}" not found`);
    return Object.entries(object?.data ?? {});
  }
  if (source.secretRef !== undefined) {
    const name = source.secretRef.name ?? '';
    const object = input.secrets.get(name);
    if (object === undefined && source.secretRef.optional !== true)
      throw new ConfigurationError(`secret "${name}" not found`);
    return Object.entries(object?.data ?? {}).map(([key, value]) => [key, decodeBase64(value)]);
  }
  return [];
}

function variableValue(
  input: EnvironmentInput,
  { name, value, valueFrom }: EnvVar,
  visible: ReadonlyMap<string, string>,
): string | undefined {
  if (valueFrom === undefined) return expandVariables(value ?? '', visible);
  if (valueFrom.fieldRef !== undefined) return fieldValue(input.pod, input.facts, valueFrom.fieldRef);
  if (valueFrom.resourceFieldRef !== undefined) {
    const wanted = valueFrom.resourceFieldRef.containerName;
    const all = [...input.pod.spec.containers, ...(input.pod.spec.initContainers ?? [])];
    const container = all.find((one) => one.name === wanted) ?? input.container;
    return resourceValue(container, input.facts, valueFrom.resourceFieldRef);
  }
  if (valueFrom.configMapKeyRef !== undefined) {
    const { name: object = '', key, optional } = valueFrom.configMapKeyRef;
    const found = input.configMaps.get(object);
    return required('configmap', object, key, optional, found, found?.data?.[key], input.pod);
  }
  if (valueFrom.secretKeyRef !== undefined) {
    const { name: object = '', key, optional } = valueFrom.secretKeyRef;
    const found = input.secrets.get(object);
    const encoded = found?.data?.[key];
    const text = encoded === undefined ? undefined : decodeBase64(encoded);
    return required('secret', object, key, optional, found, text, input.pod);
  }
  if (valueFrom.fileKeyRef !== undefined) return valueInFile(input, valueFrom.fileKeyRef);
  throw new ConfigurationError(`the source of the variable ${name} is not supported by this kubelet`);
}

function valueInFile({ files }: EnvironmentInput, selector: FileKeySelector): string | undefined {
  const { volumeName, path, key, optional } = selector;
  const where = `file "${path}" of volume "${volumeName}"`;
  const text = files.get(fileKey(selector));
  if (text === undefined) {
    if (optional === true) return undefined;
    throw new ConfigurationError(`environment ${where} not found`);
  }
  let value: string | undefined;
  try {
    value = parseEnvFile(text).get(key);
  } catch (error) {
    throw new ConfigurationError(`environment ${where}: ${error instanceof Error ? error.message : ''}`, {
      cause: error,
    });
  }
  if (value === undefined && optional !== true)
    throw new ConfigurationError(`environment variable key "${key}" not found in ${where}`);
  return value;
}

function required(
  kind: 'configmap' | 'secret',
  object: string,
  key: string,
  optional: boolean | undefined,
  found: unknown,
  value: string | undefined,
  pod: Pod,
): string | undefined {
  if (value !== undefined || optional === true) return value;
  if (found === undefined) throw new ConfigurationError(`${kind} "${object}" not found`);
  const word = kind === 'configmap' ? 'ConfigMap' : 'Secret';
  throw new ConfigurationError(`couldn't find key ${key} in ${word} ${pod.metadata.namespace}/${object}`);
}

function decodeBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
