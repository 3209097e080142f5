/** What a handler of a resource request gets: who asks, what is addressed, and the parts of the server. */
import type { KubernetesObject } from '../../api/objects.js';
import type { CustomSchema } from '../../api/openapi/schema-objects.js';
import type { ObjectType } from '../../api/object-type.js';
import { resourceDefinitions } from '../../api/resources.js';
import type { ResourceDefinition } from '../../api/resources.js';
import type { Schema } from '../../api/schema/model.js';
import type { AnyColumns } from '../../api/tables/table.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { AdmissionChain } from '../admission/admission.js';
import type { Authorizer } from '../filters/authorization.js';
import type { UserInfo } from '../filters/user-info.js';
import type { Admission } from '../flow-control/request-limiter.js';
import type { Exchange } from '../http/exchange.js';
import type { ApiServerMetrics } from '../metrics.js';
import type { ResourcePath } from '../http/route.js';
import type { UpgradeRequest } from '../http/listener.js';
import type { Strategy } from '../resources/strategy.js';
import type { ResourceStorage } from '../storage/resource-storage.js';
import type { DialPod } from '../subresources/proxy/forward-request.js';
import type { KubeletConnector } from '../kubelet-proxy/kubelet-connector.js';
import type { ServiceAccountTokens } from '../service-accounts/service-account-tokens.js';
import type { WatchChunks } from './watch-chunks.js';
import type { WatchPace } from './watch-pace.js';

/** Names of the fields on the way to what a Scale tells. */
export interface ScalePaths {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** To a selector as text; absent where there is none. */
  readonly selector?: readonly string[];
}

/** A kind as this server serves it. */
export interface ServedResource<T extends KubernetesObject = KubernetesObject> {
  readonly definition: ResourceDefinition<T>;
  readonly type: ObjectType<T>;
  readonly strategy: Strategy<T>;
  readonly storage: ResourceStorage<T>;
  /** Its schema in OpenAPI, where that is not in the description. */
  readonly openApi?: CustomSchema;
  /** Of its Table; those that `api/tables` registers when absent. */
  readonly columns?: AnyColumns;
  /** Where the numbers of `scale` are, when that is not where workloads have them. */
  readonly scale?: ScalePaths;
  /** Said to everybody who uses the resource. */
  readonly deprecation?: string;
  /** Aborts when the resource is served no more, or otherwise than before: its watches end. */
  readonly gone?: AbortSignal;
  /** There for a kind whose strategy is loaded late: resolves when `strategy` can be read. */
  load?(): Promise<void>;
}

/** A kind that few requests are about. Its rules are loaded with the first request that needs them. */
export class LazilyServed<T extends KubernetesObject> implements ServedResource<T> {
  readonly definition: ResourceDefinition<T>;
  readonly type: ObjectType<T>;
  readonly storage: ResourceStorage<T>;
  readonly #loadStrategy: () => Promise<Strategy<T>>;
  #strategy: Strategy<T> | undefined;

  constructor(
    { definition, type, storage }: Pick<ServedResource<T>, 'definition' | 'type' | 'storage'>,
    loadStrategy: () => Promise<Strategy<T>>,
  ) {
    this.definition = definition;
    this.type = type;
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

/** From the definitions of this server to those of discovery. Pure. */
export type ArrangeDefinitions = (local: readonly ResourceDefinition[]) => readonly ResourceDefinition[];

/** All kinds that are served: those of this API, and the custom resources of the moment. */
export class ResourceTable {
  readonly #builtIn: readonly ServedResource[];
  #byPath: ReadonlyMap<string, ServedResource>;
  #all: readonly ServedResource[];
  #definitions: readonly ResourceDefinition[];
  #remote: readonly ResourceDefinition[] = [];
  #arrange: ArrangeDefinitions = (local) => local;

  constructor(builtIn: readonly ServedResource[]) {
    this.#builtIn = builtIn;
    this.#all = builtIn;
    this.#byPath = byPathOf(builtIn);
    this.#definitions = definitionsOf(builtIn);
  }

  get all(): readonly ServedResource[] {
    return this.#all;
  }

  /** In the order of discovery. The same list until what is served changes: what is made of it can be kept until then. */
  get definitions(): readonly ResourceDefinition[] {
    return this.#definitions;
  }

  /** Replaces the custom resources, in the order in which discovery is to name them. */
  setCustom(custom: readonly ServedResource[]): void {
    // A definition cannot take the place of what is there.
    const taken = byPathOf(this.#builtIn);
    this.#all = [...this.#builtIn, ...custom.filter(({ definition }) => !taken.has(pathKey(definition)))];
    this.#byPath = byPathOf(this.#all);
    this.#definitions = this.#arrange(definitionsOf(this.#all));
  }

  /**
   * Replaces what other API servers behind this one serve: discovery tells of it, and nobody finds it here. `arrange` puts it
   * among what this server serves.
   */
  setRemote(remote: readonly ResourceDefinition[], arrange: ArrangeDefinitions): void {
    const isSame =
      remote.length === this.#remote.length && remote.every((one, index) => one === this.#remote[index]);
    if (isSame) return;
    this.#remote = remote;
    this.#arrange = arrange;
    this.#definitions = arrange(definitionsOf(this.#all));
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

function byPathOf(all: readonly ServedResource[]): ReadonlyMap<string, ServedResource> {
  return new Map(all.map((served) => [pathKey(served.definition), served]));
}

/** Built-in kinds stand in the order of the registry, not in that of their strategies. */
function definitionsOf(all: readonly ServedResource[]): readonly ResourceDefinition[] {
  const served = new Set(all.map(({ definition }) => definition));
  const builtIn = resourceDefinitions.filter((one) => served.has(one));
  for (const one of builtIn) served.delete(one);
  return [...builtIn, ...served];
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
  readonly dialPod: DialPod;
  readonly metrics: ApiServerMetrics;
  /** Rejects when the store does not answer. */
  readonly checkStore: () => Promise<void>;
  readonly tokens: ServiceAccountTokens;
  readonly clock: Clock;
  /** A watch that does not say how long it is to last ends after this time, or up to twice of it. */
  readonly minWatchMs: number;
  /** What all watches have in common: when they write, and what they write that is the same. */
  readonly watchPace: WatchPace;
  readonly watchChunks: WatchChunks;
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
  /** How the request shares the server with others: its turns on the event loop, and its place. */
  readonly admission: Admission;
}

/** Answers one request, or throws what `respondError` turns into a Status. */
export type Handler = (request: ResourceRequest) => Promise<void>;
