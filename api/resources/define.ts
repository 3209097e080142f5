/** How a resource is named: the form of the lines in this folder. */
import type { KubernetesObject } from '../objects.js';

export interface ResourceDefinition<T extends KubernetesObject = KubernetesObject> {
  /** '' for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: T['kind'];
  /** Kind of its lists; `<kind>List` when absent. */
  readonly listKind?: string;
  /** Lower-case plural, as in URLs. */
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /**
   * Full name of the type in the schema, `core/v1.Pod`; of a custom resource the name under which it is published,
   * `com.example.v1.CronTab`.
   */
  readonly schemaName: string;
  readonly subresources: readonly string[];
  /** What can be done to it, in the words of discovery; a computed resource can do less than all of {@link resourceVerbs}. */
  readonly verbs: readonly string[];
  /**
   * The same objects are served under this resource as well, in another version or group, and are stored in its form. What walks over
   * all objects (garbage collection, namespace deletion) leaves the view out.
   */
  readonly viewOf?: ResourceDefinition;
  /** Defined by a CustomResourceDefinition: JSON and YAML only, and a folder of its group in the store. */
  readonly custom?: boolean;
  /** Served by another API server behind this one: only discovery knows it here. */
  readonly remote?: boolean;
  /** Only there for the type checker: ties the definition to the object's type. */
  readonly exampleOf?: T;
}

/** The verbs of what is stored. */
export const resourceVerbs: readonly string[] = [
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
];

/** Kind of a resource's lists. */
export function listKindOf({ kind, listKind }: Pick<ResourceDefinition, 'kind' | 'listKind'>): string {
  return listKind ?? `${kind}List`;
}

interface Names {
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly subresources?: readonly string[];
  readonly verbs?: readonly string[];
  readonly viewOf?: unknown;
}

export function define<T extends KubernetesObject>(
  packageId: string,
  scope: 'namespaced' | 'cluster',
  kind: T['kind'],
  names: Names,
): ResourceDefinition<T> {
  const [groupName = '', version = ''] = packageId.split('/');
  const group = groupOfPackage[groupName] ?? groupName;
  return {
    group,
    version,
    kind,
    plural: names.plural,
    singular: kind.toLowerCase(),
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'namespaced',
    schemaName: `${packageId}.${kind}`,
    subresources: names.subresources ?? [],
    verbs: names.verbs ?? resourceVerbs,
    ...(names.viewOf === undefined ? {} : { viewOf: names.viewOf as ResourceDefinition }),
  };
}

/** Groups that are not called like their package. */
const groupOfPackage: Readonly<Record<string, string>> = {
  core: '',
  admissionregistration: 'admissionregistration.k8s.io',
  apiextensions: 'apiextensions.k8s.io',
  apiregistration: 'apiregistration.k8s.io',
  authentication: 'authentication.k8s.io',
  authorization: 'authorization.k8s.io',
  certificates: 'certificates.k8s.io',
  coordination: 'coordination.k8s.io',
  discovery: 'discovery.k8s.io',
  events: 'events.k8s.io',
  flowcontrol: 'flowcontrol.apiserver.k8s.io',
  networking: 'networking.k8s.io',
  node: 'node.k8s.io',
  rbac: 'rbac.authorization.k8s.io',
  resource: 'resource.k8s.io',
  scheduling: 'scheduling.k8s.io',
  storage: 'storage.k8s.io',
};

/** The category of what `kubectl get all` shows. */
export const all = ['all'];
