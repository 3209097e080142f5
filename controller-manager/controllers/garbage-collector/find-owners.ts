/** Finds out whether the owners that an object names are there: in the graph, else by asking the server. */
import type { OwnerReference } from '../../../api/generated/meta-v1.js';
import type { KubernetesObject } from '../../../api/objects.js';
import { resourceDefinitions } from '../../../api/resources.js';
import type { ResourceDefinition } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { apiVersionOf } from '../../../client/resource-path.js';
import type { ApiClient } from '../../../client/types.js';
import type { JudgedOwner, OwnerState } from './decide-dependent.js';
import { isMeantBy, isWaitingForDependents, ownersOf } from './owner-graph.js';
import type { OwnerGraph } from './owner-graph.js';

/** Absent owners remembered; a uid is never used again, so an entry never becomes wrong. */
const rememberedAbsences = 500;

export class OwnerFinder {
  readonly #discovered: () => readonly ResourceDefinition[];
  readonly #client: ApiClient;
  readonly #graph: OwnerGraph;
  readonly #absent = new Set<string>();

  /** `discovered` answers with the resources that are not in the registry. */
  constructor(client: ApiClient, graph: OwnerGraph, discovered: () => readonly ResourceDefinition[]) {
    this.#discovered = discovered;
    this.#client = client;
    this.#graph = graph;
  }

  async judge(object: KubernetesObject, signal: AbortSignal): Promise<JudgedOwner[]> {
    const judged: JudgedOwner[] = [];
    for (const reference of ownersOf(object)) {
      judged.push({ reference, ...(await this.#stateOf(reference, object, signal)) });
    }
    return judged;
  }

  async #stateOf(
    reference: OwnerReference,
    object: KubernetesObject,
    signal: AbortSignal,
  ): Promise<Omit<JudgedOwner, 'reference'>> {
    const resource = resourceOfKind(reference.apiVersion, reference.kind, this.#discovered());
    if (resource === undefined) return { state: 'unknown' };
    const namespace = object.metadata.namespace ?? '';
    // A cluster-scoped object cannot be owned by one in a namespace: which one would it be?
    if (resource.namespaced && namespace === '') return { state: 'unknown' };
    const seen = this.#graph.get(reference.uid)?.object;
    if (seen !== undefined && isMeantBy(reference, seen, namespace)) return { state: stateOfLive(seen) };
    const id = [reference.uid, reference.kind, reference.name, namespace].join('|');
    if (this.#absent.has(id)) return { state: 'absent' };
    const live = await this.#ask(resource, reference, namespace, signal);
    if (live?.metadata.uid === reference.uid) return { state: stateOfLive(live), unseen: true };
    this.#remember(id);
    return { state: 'absent' };
  }

  async #ask(
    resource: ResourceDefinition,
    { name }: OwnerReference,
    namespace: string,
    signal: AbortSignal,
  ): Promise<KubernetesObject | undefined> {
    try {
      const at = resource.namespaced ? { namespace, name } : { name };
      return await this.#client.resource(resource).get(at, signal);
    } catch (error) {
      if (isStatusError(error, 'NotFound')) return undefined;
      throw error;
    }
  }

  #remember(id: string): void {
    this.#absent.add(id);
    if (this.#absent.size <= rememberedAbsences) return;
    for (const oldest of this.#absent) {
      this.#absent.delete(oldest);
      return;
    }
  }
}

function stateOfLive(object: KubernetesObject): OwnerState {
  return isWaitingForDependents(object) ? 'waiting-for-dependents' : 'present';
}

/** The resource of a kind, in any version of its group that the server has: from the registry, or discovered. */
export function resourceOfKind(
  apiVersion: string,
  kind: string,
  discovered: readonly ResourceDefinition[],
): ResourceDefinition | undefined {
  const group = apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '';
  const find = (is: (one: ResourceDefinition) => boolean): ResourceDefinition | undefined =>
    resourceDefinitions.find(is) ?? discovered.find(is);
  return (
    find((one) => one.kind === kind && apiVersionOf(one) === apiVersion) ??
    find((one) => one.kind === kind && one.group === group)
  );
}
