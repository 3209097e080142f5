/** What is served, as discovery tells it: pure functions from the registry to the documents. */
import type { ResourceDefinition } from '../../api/resources.js';
import { omit } from '../omit.js';
import { apiVersionOf } from '../storage/object-codec.js';
import { findSubresource, kindOf, verbsOf } from '../subresources/registry.js';

/** A resource that can only be written to: the old way to bind pods. */
const bindings = {
  name: 'bindings',
  singularName: 'binding',
  namespaced: true,
  kind: 'Binding',
  verbs: ['create'],
};

export interface GroupVersionName {
  readonly group: string;
  readonly version: string;
}

/** The groups and versions in the order of the registry, each once. */
export function groupVersions(definitions: readonly ResourceDefinition[]): readonly GroupVersionName[] {
  const found = new Map<string, GroupVersionName>();
  for (const definition of definitions) {
    const name = apiVersionOf(definition);
    if (!found.has(name)) found.set(name, { group: definition.group, version: definition.version });
  }
  return [...found.values()];
}

/** Body of /api/v1 and /apis/<group>/<version>; undefined when there is no such version. */
export function resourceList(
  definitions: readonly ResourceDefinition[],
  names: GroupVersionName,
): object | undefined {
  const own = definitions.filter((one) => one.group === names.group && one.version === names.version);
  if (own.length === 0) return undefined;
  const resources = own.flatMap((definition) => [
    {
      name: definition.plural,
      singularName: definition.singular,
      namespaced: definition.namespaced,
      kind: definition.kind,
      verbs: definition.verbs,
      ...listUnlessEmpty('shortNames', definition.shortNames),
      ...listUnlessEmpty('categories', definition.categories),
    },
    ...subresourcesOf(definition).map(({ name, responseKind, verbs }) => ({
      name: `${definition.plural}/${name}`,
      singularName: '',
      namespaced: definition.namespaced,
      ...(responseKind.group === definition.group && responseKind.version === definition.version
        ? {}
        : { group: responseKind.group, version: responseKind.version }),
      kind: responseKind.kind,
      verbs,
    })),
  ]);
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: apiVersionOf(names),
    resources: names.group === '' ? [bindings, ...resources] : resources,
  };
}

function listUnlessEmpty(name: string, values: readonly string[]): Record<string, readonly string[]> {
  return values.length === 0 ? {} : { [name]: values };
}

function subresourcesOf(definition: ResourceDefinition): readonly {
  readonly name: string;
  readonly responseKind: { readonly group: string; readonly version: string; readonly kind: string };
  readonly verbs: readonly string[];
}[] {
  return definition.subresources.flatMap((name) => {
    const subresource = findSubresource(name);
    if (subresource === undefined) return [];
    return [{ name, responseKind: kindOf(subresource, definition), verbs: verbsOf(subresource) }];
  });
}

/** Body of /apis/<group>. */
export function apiGroup(definitions: readonly ResourceDefinition[], group: string): object | undefined {
  const versions = groupVersions(definitions)
    .filter((one) => one.group === group)
    .map((one) => ({ groupVersion: apiVersionOf(one), version: one.version }));
  if (versions.length === 0) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', name: group, versions, preferredVersion: versions[0] };
}

/** Body of /apis. */
export function apiGroupList(definitions: readonly ResourceDefinition[]): object {
  const groups = [...new Set(groupVersions(definitions).map((one) => one.group))].filter(
    (group) => group !== '',
  );
  return {
    kind: 'APIGroupList',
    apiVersion: 'v1',
    groups: groups.map((group) =>
      omit(apiGroup(definitions, group) as Record<string, unknown>, 'kind', 'apiVersion'),
    ),
  };
}

/** Aggregated discovery: everything of /api (`core`) or of /apis in one document. */
export function aggregatedDiscovery(
  definitions: readonly ResourceDefinition[],
  which: 'core' | 'groups',
  version: 'v2' | 'v2beta1',
): object {
  const names = groupVersions(definitions).filter((one) => (one.group === '') === (which === 'core'));
  const groups = [...new Set(names.map((one) => one.group))];
  return {
    kind: 'APIGroupDiscoveryList',
    apiVersion: `apidiscovery.k8s.io/${version}`,
    metadata: {},
    items: groups.map((group) => ({
      metadata: group === '' ? { creationTimestamp: null } : { name: group, creationTimestamp: null },
      versions: names
        .filter((one) => one.group === group)
        .map((one) => ({
          version: one.version,
          resources: aggregatedResources(definitions, one),
          freshness: 'Current',
        })),
    })),
  };
}

function aggregatedResources(
  definitions: readonly ResourceDefinition[],
  names: GroupVersionName,
): readonly object[] {
  const own = definitions.filter((one) => one.group === names.group && one.version === names.version);
  const resources = own.map((definition) => ({
    resource: definition.plural,
    responseKind: { group: definition.group, version: definition.version, kind: definition.kind },
    scope: definition.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: definition.singular,
    verbs: definition.verbs,
    ...listUnlessEmpty('shortNames', definition.shortNames),
    ...listUnlessEmpty('categories', definition.categories),
    ...(definition.subresources.length === 0
      ? {}
      : {
          subresources: subresourcesOf(definition).map(({ name, responseKind, verbs }) => ({
            subresource: name,
            responseKind,
            verbs,
          })),
        }),
  }));
  if (names.group !== '') return resources;
  const binding = {
    resource: bindings.name,
    responseKind: { group: '', version: 'v1', kind: bindings.kind },
    scope: 'Namespaced',
    singularResource: bindings.singularName,
    verbs: bindings.verbs,
  };
  return [binding, ...resources];
}
