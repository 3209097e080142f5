/**
 * Runs one call of a plugin: environment and stdin in, stdout and exit status out. The same for a process of
 * its own and for a request to the daemon, which is why nothing here touches the process.
 */
import type { AddResult, CniVersion, Plugin } from './spec.js';
import { CniError, errorCodes, supportedVersions } from './spec.js';
import {
  readAttachmentCall,
  readCommand,
  readConfig,
  readJson,
  readPluginFolders,
  readVersion,
} from './read-call.js';
import type { Environment } from './read-call.js';

export interface Outcome {
  readonly exitCode: 0 | 1;
  /** One JSON object, or nothing after a command that answers nothing. */
  readonly stdout: string;
  /** What went wrong, for the log of the one who ran it. */
  readonly error?: CniError;
}

/** Never rejects: what fails becomes an error object, as the specification demands. */
export async function runPlugin(plugin: Plugin, environment: Environment, stdin: string): Promise<Outcome> {
  // An error is worded in the version of the configuration, once that is known.
  let version: CniVersion = '1.0.0';
  try {
    const command = readCommand(environment);
    if (command === 'VERSION') return succeed(versionReport(stdin));
    const raw = readJson(stdin);
    version = readVersion(raw);
    const config = readConfig(raw, command);
    switch (command) {
      case 'ADD': {
        const result = await plugin.add(readAttachmentCall(environment, config, command));
        return succeed(formatResult(result, version));
      }
      case 'DEL':
        await plugin.delete(readAttachmentCall(environment, config, command));
        return succeed();
      case 'CHECK':
        await plugin.check(readAttachmentCall(environment, config, command));
        return succeed();
      case 'GC':
        await plugin.collectGarbage({ pluginFolders: readPluginFolders(environment), config });
        return succeed();
      case 'STATUS':
        await plugin.status({ pluginFolders: readPluginFolders(environment), config });
        return succeed();
    }
  } catch (error) {
    return failedOutcome(error, version);
  }
}

/** The error object of the specification. What is not a CniError is a failure of the system below. */
export function failedOutcome(error: unknown, version: CniVersion = '1.0.0'): Outcome {
  const failure =
    error instanceof CniError
      ? error
      : new CniError(errorCodes.ioFailure, error instanceof Error ? error.message : String(error), {
          cause: error,
        });
  const { code, message, details } = failure;
  return {
    exitCode: 1,
    stdout: JSON.stringify({
      cniVersion: version,
      code,
      msg: message,
      ...(details === undefined ? {} : { details }),
    }),
    error: failure,
  };
}

function succeed(answer?: object): Outcome {
  return { exitCode: 0, stdout: answer === undefined ? '' : JSON.stringify(answer) };
}

/** VERSION answers also when the configuration names a version that nobody here speaks. */
function versionReport(stdin: string): object {
  const raw = stdin.trim() === '' ? {} : readJson(stdin);
  const asked = supportedVersions.find((version) => version === raw['cniVersion']);
  return { cniVersion: asked ?? '1.0.0', supportedVersions };
}

/** Before 1.0.0 each address of a result carried the version of IP. */
export function formatResult(result: AddResult, version: CniVersion): object {
  const ips = result.ips ?? [];
  return {
    cniVersion: version,
    ...(result.interfaces === undefined ? {} : { interfaces: result.interfaces }),
    ips: version.startsWith('0.') ? ips.map((address) => ({ version: '4', ...address })) : ips,
    routes: result.routes ?? [],
    dns: result.dns ?? {},
  };
}
