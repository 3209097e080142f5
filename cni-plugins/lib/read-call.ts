/** From the environment and stdin of a plugin to a checked call. */
import type { AttachmentCall, Command, CniVersion, NetworkConfig } from './spec.js';
import { CniError, errorCodes, firstVersionOf, supportedVersions } from './spec.js';
import { isObject, optionalArray, optionalString, requiredString } from './json-reader.js';
import type { JsonObject } from './json-reader.js';
import { readResult } from './read-result.js';

/** Environment variables by name; absent ones are undefined. */
export type Environment = Readonly<Record<string, string | undefined>>;

const safeName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const interfaceName = /^[^\s/:]{1,15}$/;

export function readCommand(environment: Environment): Command {
  const command = environment['CNI_COMMAND'] ?? '';
  if (command === '') throw new CniError(errorCodes.invalidEnvironment, 'CNI_COMMAND is not set');
  if (!Object.hasOwn(firstVersionOf, command)) {
    throw new CniError(errorCodes.invalidEnvironment, `CNI_COMMAND "${command}" is not known`);
  }
  return command as Command;
}

export function readJson(stdin: string): JsonObject {
  let parsed: unknown;
  try {
    parsed = JSON.parse(stdin);
  } catch (error) {
    throw new CniError(
      errorCodes.decodingFailure,
      `the configuration on stdin is not JSON: ${String(error)}`,
      {
        cause: error,
      },
    );
  }
  if (!isObject(parsed)) {
    throw new CniError(errorCodes.decodingFailure, 'the configuration on stdin is not a JSON object');
  }
  return parsed;
}

/** The version of a configuration. One without the key is older than every version that is spoken here. */
export function readVersion(raw: JsonObject): CniVersion {
  const version = optionalString(raw, 'cniVersion') ?? '0.1.0';
  const known = supportedVersions.find((supported) => supported === version);
  if (known === undefined) {
    throw new CniError(
      errorCodes.incompatibleVersion,
      `"cniVersion" ${version} is not supported; supported are ${supportedVersions.join(', ')}`,
    );
  }
  return known;
}

export function readConfig(raw: JsonObject, command: Command): NetworkConfig {
  const cniVersion = readVersion(raw);
  const first = firstVersionOf[command];
  if (supportedVersions.indexOf(cniVersion) < supportedVersions.indexOf(first)) {
    throw new CniError(
      errorCodes.incompatibleVersion,
      `${command} needs "cniVersion" ${first} or newer, but the configuration says ${cniVersion}`,
    );
  }
  const name = requiredString(raw, 'name');
  if (!safeName.test(name)) {
    throw new CniError(
      errorCodes.invalidConfiguration,
      `"name" must consist of letters, digits, '_', '.' and '-', but is ${JSON.stringify(name)}`,
    );
  }
  const attachments = optionalArray(raw, 'cni.dev/valid-attachments') ?? [];
  return {
    cniVersion,
    name,
    type: requiredString(raw, 'type'),
    // DEL must not fail because of what an older version wrote, and needs nothing but the attachment.
    prevResult: command !== 'DEL' && isObject(raw['prevResult']) ? readResult(raw['prevResult']) : undefined,
    validAttachments: attachments.map((entry) => {
      const attachment = isObject(entry) ? entry : {};
      const path = 'cni.dev/valid-attachments';
      return {
        containerId: requiredString(attachment, 'containerID', `${path}.containerID`),
        interfaceName: requiredString(attachment, 'ifname', `${path}.ifname`),
      };
    }),
    dns: isObject(raw['dns']) ? raw['dns'] : undefined,
    raw,
  };
}

export function readAttachmentCall(
  environment: Environment,
  config: NetworkConfig,
  command: 'ADD' | 'DEL' | 'CHECK',
): AttachmentCall {
  const containerId = environment['CNI_CONTAINERID'] ?? '';
  if (!safeName.test(containerId)) throw badVariable('CNI_CONTAINERID', containerId);
  const name = environment['CNI_IFNAME'] ?? '';
  if (!interfaceName.test(name) || name === '.' || name === '..') throw badVariable('CNI_IFNAME', name);
  const namespacePath = environment['CNI_NETNS'] ?? '';
  // Only DEL may come without a namespace: it must succeed after the namespace has gone.
  if (namespacePath === '' && command !== 'DEL') throw badVariable('CNI_NETNS', namespacePath);
  return {
    containerId,
    interfaceName: name,
    namespacePath,
    args: readArgs(environment['CNI_ARGS'] ?? ''),
    pluginFolders: readPluginFolders(environment),
    config,
  };
}

export function readPluginFolders(environment: Environment): readonly string[] {
  return (environment['CNI_PATH'] ?? '').split(':').filter((folder) => folder !== '');
}

function readArgs(text: string): Record<string, string> {
  const args: Record<string, string> = {};
  for (const pair of text.split(';')) {
    if (pair === '') continue;
    const equals = pair.indexOf('=');
    if (equals <= 0) throw badVariable('CNI_ARGS', text);
    args[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return args;
}

function badVariable(name: string, value: string): CniError {
  return new CniError(
    errorCodes.invalidEnvironment,
    value === '' ? `${name} is not set` : `${name} ${JSON.stringify(value)} is not valid`,
  );
}
