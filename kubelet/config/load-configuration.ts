/**
 * The effective configuration: defaults, then the file of `--config`, then the files `*.conf` of `--config-dir` in the
 * order of their names, then flags. Of files, maps are merged key by key and everything else is replaced.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDocument } from 'yaml';
import { UsageError } from '../../common/usage-error.js';
import { decodeConfiguration, isJson, unknownKeys } from './decode-configuration.js';
import type { DecodedConfiguration, Json } from './decode-configuration.js';
import { ConfigurationProblem } from './field.js';
import { allKeys, configurationApiVersion, configurationKind } from './kubelet-configuration.js';

export interface ConfigurationSources {
  readonly file: string | undefined;
  readonly folder: string | undefined;
  /** Texts of flags by the name of the flag, `max-pods`. */
  readonly flags: Readonly<Record<string, string | undefined>>;
}

/** Throws UsageError: what, where, how to mend. */
export function loadConfiguration({ file, folder, flags }: ConfigurationSources): DecodedConfiguration {
  const files = [...(file === undefined ? [] : [file]), ...(folder === undefined ? [] : dropIns(folder))];
  const texts = files.map((name) => parseConfiguration(readConfigurationFile(name), name));
  try {
    return decodeConfiguration(withFlags(texts.reduce(mergeJson, {}), flags));
  } catch (error) {
    if (!(error instanceof ConfigurationProblem)) throw error;
    throw new UsageError(`the configuration cannot be used:\n${error.message}`, { cause: error });
  }
}

function dropIns(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.conf'));
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    throw new UsageError(`--config-dir: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

function readConfigurationFile(name: string): string {
  try {
    return readFileSync(name, 'utf8');
  } catch (error) {
    throw new UsageError(`--config: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

/** YAML or JSON, one document. Throws UsageError that names the file. */
export function parseConfiguration(text: string, name: string): Json {
  const document = parseDocument(text, { uniqueKeys: true });
  const [mistake] = document.errors;
  if (mistake !== undefined) throw new UsageError(`${name}: ${mistake.message}`);
  const json: unknown = document.toJS({ maxAliasCount: 100 });
  if (!isJson(json)) throw new UsageError(`${name}: is no ${configurationKind}, but ${JSON.stringify(json)}`);
  const { apiVersion, kind, ...rest } = json;
  if (apiVersion !== configurationApiVersion || kind !== configurationKind)
    throw new UsageError(
      `${name}: apiVersion ${JSON.stringify(apiVersion)} and kind ${JSON.stringify(kind)} are not known: write ` +
        `apiVersion: ${configurationApiVersion} and kind: ${configurationKind}`,
    );
  const [unknown] = unknownKeys(rest);
  if (unknown !== undefined)
    throw new UsageError(`${name}: unknown key "${unknown}": docs/kubelet-configuration.md lists all keys`);
  return rest;
}

/** A flag replaces what the files say, maps as a whole. */
function withFlags(json: Json, flags: ConfigurationSources['flags']): Json {
  return allKeys().reduce((merged, { path, field }) => {
    const given = field.flag === undefined ? undefined : flags[field.flag];
    if (given === undefined) return merged;
    return setAt(merged, path, field.fromFlag(given, `--${field.flag ?? ''}`));
  }, json);
}

function setAt(json: Json, [name = '', ...below]: readonly string[], value: unknown): Json {
  const inner = json[name];
  return { ...json, [name]: below.length === 0 ? value : setAt(isJson(inner) ? inner : {}, below, value) };
}

/** `over` wins. A map of values (`evictionHard`) is merged as any other: a drop-in may set one signal. */
export function mergeJson(under: Json, over: Json): Json {
  const merged: Record<string, unknown> = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const before = merged[name];
    merged[name] = isJson(before) && isJson(value) ? mergeJson(before, value) : value;
  }
  return merged;
}
