/** What a handler of a resource request gets: who asks, what is addressed, and the parts of the server. */
import type { KubernetesObject } from '../../api/objects.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Schema } from '../../api/schema/model.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AdmissionChain } from '../admission/admission.js';
import type { Authorizer } from '../filters/authorization.js';
import type { UserInfo } from '../filters/user-info.js';
import type { Exchange } from '../http/exchange.js';
import type { ResourcePath } from '../http/route.js';
import type { UpgradeRequest } from '../http/listener.js';
import type { Strategy } from '../resources/strategy.js';
import type { ResourceStorage } from '../storage/resource-storage.js';
import type { KubeletConnector } from '../kubelet-proxy/kubelet-connector.js';
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.js';

/** A kind as this server serves it. */
export interface ServedResource<T extends KubernetesObject = KubernetesObject> {
  readonly definition: ResourceDefinition<T>;
  readonly strategy: Strategy<T>;
  readonly storage: ResourceStorage<T>;
  /** There for a kind whose strategy is loaded late: resolves when `strategy` can be read. */
  load?(): Promise<void>;
}

/** A kind that few requests are about. Its rules are loaded with the first request that needs them. */
export class LazilyServed<T extends KubernetesObject> implements ServedResource<T> {
  readonly definition: ResourceDefinition<T>;
  readonly storage: ResourceStorage<T>;
  readonly #loadStrategy: () => Promise<Strategy<T>>;
  #strategy: Strategy<T> | undefined;

  constructor(
    definition: ResourceDefinition<T>,
    storage: ResourceStorage<T>,
    loadStrategy: () => Promise<Strategy<T>>,
  ) {
    this.definition = definition;
    this.storage = storage;
    this.#loadStrategy = loadStrategy;
  }

  /** Throws before {@link load} has resolved: a mistake in the program. */
  get strategy(): Strategy<T> {
    if (this.#strategy === undefined)
      throw new Error(`the strategy of ${this.definition.plural} is not loaded yet`);
    return this.#strategy;
  }

  async load(): Promise<void> {
    this.#strategy ??= await this.#loadStrategy();
  }
}

/** All kinds that are served. */
export class ResourceTable {
  readonly #byPath = new Map<string, ServedResource>();
  readonly all: readonly ServedResource[];

  constructor(all: readonly ServedResource[]) {
    this.all = all;
    for (const served of all) this.#byPath.set(pathKey(served.definition), served);
  }

  /** By the names in a URL; undefined when there is no such resource. */
  find(names: {
    readonly group: string;
    readonly version: string;
    readonly resource: string;
  }): ServedResource | undefined {
    return this.#byPath.get(`${names.group}/${names.version}/${names.resource}`);
  }

  /** By definition, with its type. Throws for a kind that is not served: a mistake in the program. */
  of<T extends KubernetesObject>(definition: ResourceDefinition<T>): ServedResource<T> {
    const served = this.#byPath.get(pathKey(definition));
    if (served === undefined) throw new Error(`${definition.plural} are not served`);
    return served as unknown as ServedResource<T>;
  }
}

function pathKey(definition: Pick<ResourceDefinition, 'group' | 'version' | 'plural'>): string {
  return `${definition.group}/${definition.version}/${definition.plural}`;
}

export interface ServerParts {
  readonly schema: Schema;
  readonly resources: ResourceTable;
  readonly admission: AdmissionChain;
  readonly authorizer: Authorizer;
  readonly kubelets: KubeletConnector;
  /** Rejects when the store does not answer. */
  readonly checkStore: () => Promise<void>;
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
  readonly log: Logger;
  /** Aborts when the server stops: watches end. */
  readonly stopping: AbortSignal;
}

export interface ResourceRequest {
  readonly exchange: Exchange;
  readonly user: UserInfo;
  readonly path: ResourcePath;
  readonly served: ServedResource;
  readonly parts: ServerParts;
  /** There when the client asks to change the protocol of its connection. */
  readonly upgrade?: UpgradeRequest;
}

/** Answers one request, or throws what `respondError` turns into a Status. */
export type Handler = (request: ResourceRequest) => Promise<void>;
