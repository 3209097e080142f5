/** Where objects live in the store: the layout that Kubernetes uses in etcd, old names included. */
import type { ResourceDefinition } from '../../api/resources.js';

/** Folders that do not have the name of their resource. Custom resources live in `<group>/<plural>`. */
const folders: Readonly<Record<string, string>> = {
  services: 'services/specs',
  endpoints: 'services/endpoints',
  nodes: 'minions',
  replicationcontrollers: 'controllers',
  'ingresses.networking.k8s.io': 'ingress',
  'customresourcedefinitions.apiextensions.k8s.io': 'apiextensions.k8s.io/customresourcedefinitions',
  'apiservices.apiregistration.k8s.io': 'apiregistration.k8s.io/apiservices',
};

export class KeyLayout {
  readonly #folder: string;

  constructor(definition: Pick<ResourceDefinition, 'plural' | 'group' | 'custom'>) {
    const { plural, group, custom } = definition;
    const folder =
      custom === true ? `${group}/${plural}` : folders[group === '' ? plural : `${plural}.${group}`];
    this.#folder = `/registry/${folder ?? plural}/`;
  }

  /** The key of one object; namespace '' for cluster scope. */
  key(namespace: string, name: string): string {
    return namespace === '' ? this.#folder + name : `${this.#folder}${namespace}/${name}`;
  }

  /** What all keys of a collection start with; namespace '' for all. */
  prefix(namespace: string): string {
    return namespace === '' ? this.#folder : `${this.#folder}${namespace}/`;
  }
}
