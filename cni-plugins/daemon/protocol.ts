/**
 * What a launcher script and the daemon say to each other, kept so simple that a shell can speak it.
 *
 * Request: a first line with the plugin's name, lines `CNI_X=value`, an empty line, then stdin as it came, until
 * the end of the stream. Answer: one digit, the exit status, then stdout.
 */
import { CniError, errorCodes } from '../lib/spec.js';
import type { Outcome } from '../lib/run-plugin.js';
import type { Environment } from '../lib/read-call.js';

/** The variables of the specification; nothing else of the caller's environment is passed. */
export const passedVariables = [
  'CNI_COMMAND',
  'CNI_CONTAINERID',
  'CNI_NETNS',
  'CNI_IFNAME',
  'CNI_ARGS',
  'CNI_PATH',
] as const;

export interface PluginRequest {
  readonly plugin: string;
  readonly environment: Environment;
  readonly stdin: string;
}

/** Throws CniError (code 4) for a request that no launcher of Knarr writes. */
export function parseRequest(text: string): PluginRequest {
  const end = text.indexOf('\n\n');
  const [plugin = '', ...lines] = text.slice(0, Math.max(0, end)).split('\n');
  if (end < 0 || plugin === '') throw malformed('it has no header');
  const environment: Record<string, string> = {};
  for (const line of lines) {
    const equals = line.indexOf('=');
    const name = line.slice(0, Math.max(0, equals));
    if (!passedVariables.some((variable) => variable === name)) throw malformed(`the variable "${name}"`);
    if (Object.hasOwn(environment, name)) throw malformed(`"${name}" comes twice`);
    environment[name] = line.slice(equals + 1);
  }
  return { plugin, environment, stdin: text.slice(end + 2) };
}

export function formatAnswer(outcome: Outcome): string {
  return `${outcome.exitCode}${outcome.stdout}`;
}

function malformed(what: string): CniError {
  return new CniError(errorCodes.invalidEnvironment, `the request to the CNI daemon is malformed: ${what}`);
}
