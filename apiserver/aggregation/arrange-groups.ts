/** The order of groups and versions in discovery: by the priorities of their APIServices, this server's own and others'. Pure. */
import type { APIService } from '../../api/generated/apiregistration-v1.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { localServices } from './local-services.js';

interface Group {
  readonly name: string;
  /** Undefined for one that no APIService is about: it stays where it is. */
  readonly priority: number | undefined;
  readonly definitions: readonly ResourceDefinition[];
}

type Specs = ReadonlyMap<string, Pick<APIService['spec'], 'groupPriorityMinimum' | 'versionPriority'>>;

/**
 * What this server serves keeps its order; groups of others go before the first group of less priority, and their versions
 * among those of a group that is there already.
 */
export function arrangeGroups(
  local: readonly ResourceDefinition[],
  remote: readonly ResourceDefinition[],
  services: readonly APIService[],
): readonly ResourceDefinition[] {
  if (remote.length === 0) return local;
  const specs: Specs = new Map([
    ...localServices(local).map(({ metadata, spec }) => [metadata.name ?? '', spec] as const),
    ...services.map(({ metadata, spec }) => [metadata.name, spec] as const),
  ]);
  const groups = [...groupsOf(local, specs)];
  for (const group of groupsOf(remote, specs).sort(byPriority)) {
    const known = groups.findIndex(({ name }) => name === group.name);
    if (known >= 0) {
      groups[known] = merge(groups[known] ?? group, group, specs);
      continue;
    }
    const before = groups.findIndex(({ priority }) => (priority ?? Infinity) < (group.priority ?? 0));
    groups.splice(before < 0 ? groups.length : before, 0, group);
  }
  return groups.flatMap(({ definitions }) => definitions);
}

function groupsOf(definitions: readonly ResourceDefinition[], specs: Specs): Group[] {
  const byName = new Map<string, ResourceDefinition[]>();
  for (const definition of definitions)
    byName.set(definition.group, [...(byName.get(definition.group) ?? []), definition]);
  return [...byName].map(([name, own]) => ({
    name,
    priority: highest(own.flatMap((one) => specs.get(serviceName(one))?.groupPriorityMinimum ?? [])),
    definitions: byVersion(own, specs),
  }));
}

/** A group has the greatest priority of its versions. */
function highest(priorities: readonly number[]): number | undefined {
  return priorities.length === 0 ? undefined : Math.max(...priorities);
}

function byPriority(a: Group, b: Group): number {
  return (b.priority ?? 0) - (a.priority ?? 0) || (a.name < b.name ? -1 : 1);
}

function merge(local: Group, remote: Group, specs: Specs): Group {
  return { ...local, definitions: byVersion([...local.definitions, ...remote.definitions], specs) };
}

/** Stable: resources of a version keep their order. */
function byVersion(definitions: readonly ResourceDefinition[], specs: Specs): readonly ResourceDefinition[] {
  const priorityOf = (one: ResourceDefinition): number => specs.get(serviceName(one))?.versionPriority ?? 0;
  return [...definitions].sort((a, b) => priorityOf(b) - priorityOf(a));
}

function serviceName({ group, version }: ResourceDefinition): string {
  return `${version}.${group}`;
}
