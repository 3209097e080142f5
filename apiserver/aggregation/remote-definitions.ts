/** What a server behind serves, as discovery knows it. Pure. */
import type { APIService } from '../../api/generated/apiregistration-v1.js';
import type { ResourceDefinition } from '../../api/resources.js';

interface ListedResource {
  readonly name: string;
  readonly singularName?: string;
  readonly namespaced?: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

/** From the APIResourceList that the server answered. Throws a SyntaxError for what is none. */
export function remoteDefinitions({ spec }: APIService, text: string): readonly ResourceDefinition[] {
  const { group = '', version = '' } = spec;
  const list = JSON.parse(text) as {
    readonly kind?: unknown;
    readonly resources?: unknown;
  };
  if (list.kind !== 'APIResourceList' || !Array.isArray(list.resources))
    throw new SyntaxError('the answer is no APIResourceList');
  const resources = list.resources as readonly ListedResource[];
  return resources
    .filter(({ name }) => !name.includes('/'))
    .map(
      ({ name, singularName = '', namespaced = false, kind, verbs, shortNames = [], categories = [] }) => ({
        group,
        version,
        kind,
        plural: name,
        singular: singularName,
        shortNames,
        categories,
        namespaced,
        schemaName: `${group}/${version}.${kind}`,
        subresources: resources
          .filter((one) => one.name.startsWith(`${name}/`))
          .map((one) => one.name.slice(name.length + 1)),
        verbs,
        remote: true,
      }),
    );
}
