/**
 * Asks the server what it serves beyond this API: custom resources, and those of other API servers behind it.
 *
 * What is in the registry is known already and not asked for.
 */
import { resourceDefinitions } from '../api/resources.js';
import type { ResourceDefinition } from '../api/resources.js';
import { isStatusError } from '../api/status-error.js';
import { parseAnswer } from './decode-response.js';
import type { ApiClient } from './types.js';

interface GroupList {
  readonly groups?: readonly {
    readonly name: string;
    readonly versions: readonly { readonly version: string }[];
  }[];
}

interface ResourceList {
  readonly resources?: readonly {
    readonly name: string;
    readonly singularName?: string;
    readonly kind: string;
    readonly namespaced: boolean;
    readonly verbs: readonly string[];
  }[];
}

/** What whoever walks over all objects has to be able to do. */
const neededVerbs = ['list', 'watch', 'delete'];
const knownGroups: ReadonlySet<string> = new Set(resourceDefinitions.map(({ group }) => group));

export interface Discovered {
  readonly resources: readonly ResourceDefinition[];
  /** Group versions that are there and did not answer, with why. */
  readonly failures: readonly string[];
}

/** Each resource once, in the version that its server prefers. Rejects as the client does. */
export async function discoverResources(client: ApiClient, signal: AbortSignal): Promise<Discovered> {
  const { groups = [] } = parseAnswer(await client.raw('/apis', signal)) as GroupList;
  const found = new Map<string, ResourceDefinition>();
  const failures: string[] = [];
  for (const { name: group, versions } of groups) {
    if (knownGroups.has(group)) continue;
    for (const { version } of versions) {
      const list = await listOf(client, `/apis/${group}/${version}`, failures, signal);
      for (const resource of list?.resources ?? []) {
        const id = `${group}/${resource.name}`;
        const isWhole =
          !resource.name.includes('/') && neededVerbs.every((verb) => resource.verbs.includes(verb));
        if (isWhole && !found.has(id)) found.set(id, definitionOf(group, version, resource));
      }
    }
  }
  return { resources: [...found.values()], failures };
}

/** Undefined for what has gone meanwhile. */
async function listOf(
  client: ApiClient,
  path: string,
  failures: string[],
  signal: AbortSignal,
): Promise<ResourceList | undefined> {
  try {
    return parseAnswer(await client.raw(path, signal)) as ResourceList;
  } catch (error) {
    if (!isStatusError(error)) throw error;
    if (error.reason !== 'NotFound') failures.push(`${path.slice('/apis/'.length)}: ${error.message}`);
    return undefined;
  }
}

function definitionOf(
  group: string,
  version: string,
  resource: NonNullable<ResourceList['resources']>[number],
): ResourceDefinition {
  const { name, singularName = '', kind, namespaced, verbs } = resource;
  return {
    group,
    version,
    kind,
    plural: name,
    singular: singularName,
    shortNames: [],
    categories: [],
    namespaced,
    schemaName: `${group}/${version}.${kind}`,
    subresources: [],
    verbs,
    custom: true,
  };
}
