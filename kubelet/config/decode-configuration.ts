/** Reads the JSON of a KubeletConfiguration by its description, and writes it again. Pure. */
import { ConfigurationProblem } from './field.js';
import type { Field, Fields } from './field.js';
import { configurationApiVersion, configurationKeys, configurationKind } from './kubelet-configuration.js';
import type { KubeletConfiguration } from './kubelet-configuration.js';
import { checkTogether, dependentDefaults } from './keys-together.js';

export type Json = Readonly<Record<string, unknown>>;

export interface DecodedConfiguration {
  readonly configuration: KubeletConfiguration;
  /** What was set and has no effect here. */
  readonly warnings: readonly string[];
}

/**
 * Throws {@link ConfigurationProblem} with one line for each thing that is wrong.
 *
 * @param json without apiVersion and kind; null counts as absent
 */
export function decodeConfiguration(json: Json): DecodedConfiguration {
  const problems: string[] = [];
  const warnings: string[] = [];
  const walk = { problems, warnings };
  const configuration = readFields(
    configurationKeys,
    dependentDefaults(json),
    '',
    walk,
  ) as KubeletConfiguration;
  if (problems.length === 0) problems.push(...checkTogether(configuration));
  if (problems.length > 0) throw new ConfigurationProblem(problems.join('\n'));
  return { configuration, warnings };
}

/** The keys of one file that nobody knows, by path; checked file by file, so that the message can name it. */
export function unknownKeys(json: Json, fields: Fields = configurationKeys, above = ''): string[] {
  return Object.entries(json).flatMap(([name, value]) => {
    const where = above + name;
    const member = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (member === undefined) return [where];
    return member.is === 'group' && isJson(value) ? unknownKeys(value, member.fields, `${where}.`) : [];
  });
}

interface Walk {
  readonly problems: string[];
  readonly warnings: string[];
}

function readFields(fields: Fields, json: Json, above: string, walk: Walk): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, member] of Object.entries(fields)) {
    const where = above + name;
    const value = json[name] ?? undefined;
    if (member.is === 'field') {
      values[name + member.unit] = readField(member, value, where, walk);
      continue;
    }
    if (value !== undefined && !isJson(value))
      walk.problems.push(`${where}: ${JSON.stringify(value)} is not a map`);
    values[name] = readFields(member.fields, isJson(value) ? value : {}, `${where}.`, walk);
  }
  return values;
}

function readField(field: Field<unknown>, given: unknown, where: string, walk: Walk): unknown {
  try {
    const byDefault = field.byDefault === undefined ? undefined : field.read(field.byDefault, where);
    if (given === undefined) return byDefault;
    const value = field.read(given, where);
    if (field.support.kind === 'acts' || isSame(value, byDefault)) return value;
    const { kind, why } = field.support;
    if (kind === 'refused') walk.problems.push(`${where}: ${JSON.stringify(given)} is not supported: ${why}`);
    else walk.warnings.push(`${where} has no effect: ${why}`);
    return value;
  } catch (error) {
    if (!(error instanceof ConfigurationProblem)) throw error;
    walk.problems.push(error.message);
    return undefined;
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The effective configuration as a file would say it: what `/configz` answers. */
export function encodeConfiguration(configuration: KubeletConfiguration): Json {
  return {
    ...writeFields(configurationKeys, configuration),
    apiVersion: configurationApiVersion,
    kind: configurationKind,
  };
}

function writeFields(fields: Fields, values: Json): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(fields).flatMap(([name, member]): [string, unknown][] => {
      if (member.is === 'group') return [[name, writeFields(member.fields, values[name] as Json)]];
      const value = values[name + member.unit];
      return value === undefined ? [] : [[name, member.write(value)]];
    }),
  );
}
