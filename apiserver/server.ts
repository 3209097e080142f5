/** The API server: its parts, put together over a store. */
import { setMaxListeners } from 'node:events';
import { hostname } from 'node:os';
import { Registry } from 'prom-client';
import { describedType } from '../api/object-type.js';
import {
  ipAddresses,
  namespaces,
  priorityClasses,
  serviceAccounts,
  services,
  storageClasses,
} from '../api/resources.js';
import { loadSchema } from '../api/schema/load.js';
import { StatusError } from '../api/status-error.js';
import type { Clock } from '../common/clock.js';
import { systemClock } from '../common/clock.js';
import { healthObserverOf } from '../common/component-metrics.js';
import type { Logger } from '../common/log.js';
import { Aggregator } from './aggregation/aggregator.js';
import type { ProxyCertificate } from './aggregation/backend.js';
import { registerLocalServices } from './aggregation/register-local.js';
import { AdmissionMetrics } from './admission/admission-metrics.js';
import { createAdmissionChain } from './admission/registry.js';
import { ensureDefaultServiceCidr, runDefaultServiceCidr } from './bootstrap/default-service-cidr.js';
import {
  authenticationData,
  ensureAuthentication,
  publishAuthentication,
} from './bootstrap/extension-authentication.js';
import { runKubernetesService } from './bootstrap/kubernetes-service.js';
import { repairServiceClaims, runServiceClaimRepair } from './bootstrap/repair-service-claims.js';
import { ServerPresence } from './bootstrap/server-presence.js';
import { untilStoreAnswers } from './bootstrap/until-store-answers.js';
import { ensureNamespaces, ensurePriorityClasses } from './bootstrap/system-objects.js';
import { followDefinitions } from './custom-resources/follow-definitions.js';
import { Dispatcher } from './dispatch.js';
import type { DispatcherOptions } from './dispatch.js';
import { DiscoveryHandler } from './discovery/discovery-handler.js';
import { HealthHandler } from './discovery/health-handler.js';
import { OpenApiHandler } from './discovery/openapi-handler.js';
import { OpenIdHandler } from './discovery/openid-handler.js';
import { AccessMetrics } from './filters/access-metrics.js';
import { Authenticator } from './filters/authentication.js';
import type { Authorizer } from './filters/authorization.js';
import type { FrontProxyOptions } from './filters/front-proxy.js';
import { authenticatedUsersMayDoAll } from './filters/authorization.js';
import type { ServedResource, ServerParts } from './handlers/context.js';
import { LazilyServed, ResourceTable } from './handlers/context.js';
import { dumpFlowControl } from './flow-control/dump.js';
import type { RequestLimiter } from './flow-control/request-limiter.js';
import { defaultFlowControl, startFlowControl } from './flow-control/start.js';
import type { FlowControlOptions } from './flow-control/start.js';
import type { ConnectionTimeouts } from './http/connection-limits.js';
import type { Listener } from './http/listener.js';
import { listen } from './http/listener.js';
import type { KubeletTls } from './kubelet-proxy/kubelet-connector.js';
import { KubeletConnector } from './kubelet-proxy/kubelet-connector.js';
import { ApiServerMetrics } from './metrics.js';
import type { StoredCount } from './metrics.js';
import { lazyStrategies } from './resources/lazy-registry.js';
import { createStrategies } from './resources/registry.js';
import { AddressClaims } from './resources/service/address-claims.js';
import { ClusterIpRange, NodePortRange } from './resources/service/address-ranges.js';
import { PortClaims } from './resources/service/port-claims.js';
import { ServiceAllocator } from './resources/service/service-allocator.js';
import { findInStorage } from './service-accounts/find-in-storage.js';
import { createServiceAccountTokens } from './service-accounts/service-account-tokens.js';
import type { ServiceAccountTokenOptions } from './service-accounts/service-account-tokens.js';
import { WatchChunks } from './handlers/watch-chunks.js';
import { WatchPace } from './handlers/watch-pace.js';
import { newEncodings } from './storage/encoding-cache.js';
import { dialPod } from './subresources/proxy/forward-request.js';
import type { DialPod } from './subresources/proxy/forward-request.js';
import { RecentObjects } from './storage/recent-objects.js';
import { ResourceStorage } from './storage/resource-storage.js';
import type { StorageOptions } from './storage/resource-storage.js';
import { StorageMetrics } from './storage/storage-metrics.js';
import type { Store } from './storage/store.js';
import { WatchCache } from './storage/watch-cache.js';

export interface ApiServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Where pods and other nodes reach this server. */
  readonly advertiseAddress: string;
  /** Of the machine, for the Lease that tells of this server; asked of the system unless told. */
  readonly hostName?: string;
  /** PEM. */
  readonly tls: { readonly cert: string; readonly key: string; readonly clientCa?: string };
  readonly kubelet: KubeletTls;
  readonly connectionTimeouts?: Partial<ConnectionTimeouts>;
  /** How long a request may take that is no watch, log or tunnel: 60 s unless told. */
  readonly requestTimeoutMs?: number;
  /** The least time of a watch that does not say how long: 1800 s unless told. */
  readonly minRequestTimeoutMs?: number;
  /** How pods are reached for proxied requests; directly, by their addresses, unless told. */
  readonly dialPod?: DialPod;
  /** Belongs to the caller, who closes it after {@link ApiServer.stop}. */
  readonly store: Store;
  /** Remembers what was written last. A test freezes what it is given: whoever changes what is shared is found out. */
  readonly recent?: RecentObjects;
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: string;
  readonly eventTtlSeconds: number;
  readonly serviceAccountTokens: ServiceAccountTokenOptions;
  /** What this server proves itself with to the API servers behind it. */
  readonly proxyCertificate?: ProxyCertificate;
  /** Proxies before this server, and before those behind it, that may say who is asking. */
  readonly frontProxy?: FrontProxyOptions;
  /** Admission plugins that are left out, by name. */
  readonly disabledAdmissionPlugins?: readonly string[];
  readonly log: Logger;
  readonly clock?: Clock;
  readonly metrics?: Registry;
  readonly authorizer?: Authorizer;
  /** How many requests run at once, and whether they are told apart. */
  readonly flowControl?: Partial<FlowControlOptions>;
}

export interface ApiServer {
  readonly port: number;
  /** Ends watches, lets requests finish for a short time, then closes. Resolves when nothing runs any more. */
  stop(): Promise<void>;
}

const defaultRequestTimeoutMs = 60_000;
const defaultMinRequestTimeoutMs = 1_800_000;
/** How long requests under way get to finish. */
const stopGraceMs = 1500;

/** Resolves when the server listens. Rejects with UsageError, StoreError. */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { store, log, clock = systemClock } = options;
  const stopping = new AbortController();
  // Every watch listens: many of them are no leak.
  setMaxListeners(0, stopping.signal);
  const registry = options.metrics ?? new Registry();
  const storageMetrics = new StorageMetrics(registry, store, clock);
  const cache = new WatchCache(store, { log, clock, meter: storageMetrics });
  const caching = cache.run(stopping.signal);
  try {
    const clusterIps = new ClusterIpRange(options.serviceClusterIpRange);
    const nodePorts = new NodePortRange(options.serviceNodePortRange);
    const addressClaims = new AddressClaims(() => resources.of(ipAddresses).storage, clock);
    const portClaims = new PortClaims(store, nodePorts);
    const allocator = new ServiceAllocator({ clusterIps, nodePorts, addressClaims, portClaims, log });
    const recent = options.recent ?? new RecentObjects();
    const storage = { store, cache, metrics: storageMetrics, encodings: newEncodings(), recent };
    const resources: ResourceTable = serveResources(options, storage, allocator);
    const parts = createParts(options, registry, resources, clock, stopping.signal);
    await cache.whenReady(stopping.signal);
    const claims = { services: resources.of(services).storage, addressClaims, portClaims, clock, log };
    await untilStoreAnswers(parts, () => repairServiceClaims(claims, new Set()));
    const serviceCidr = { range: options.serviceClusterIpRange, addressClaims };
    const authentication = authenticationData(options);
    await untilStoreAnswers(parts, () =>
      Promise.all([
        ensureNamespaces(parts),
        ensurePriorityClasses(parts),
        ensureDefaultServiceCidr(parts, serviceCidr),
      ]),
    );
    await untilStoreAnswers(parts, () => ensureAuthentication(parts, authentication));
    const aggregator = new Aggregator(parts, options.proxyCertificate);
    const dependencies = { ...storage, schema: parts.schema, resources };
    const custom = await untilStoreAnswers(parts, () =>
      followDefinitions(parts, dependencies, stopping.signal),
    );
    let listener: Listener | undefined = undefined as Listener | undefined;
    const flowControl = await startFlowControl(
      parts,
      { ...defaultFlowControl, ...options.flowControl },
      parts.metrics.registry,
    );
    const dispatcher = createDispatcher(options, parts, cache, {
      limiter: flowControl.limiter,
      debugPage: ({ path, query }) =>
        flowControl.controller === undefined
          ? undefined
          : dumpFlowControl({ path, query, levels: flowControl.controller.levels, clock }),
      aggregator,
      port: () => listener?.port ?? options.port,
    });
    listener = await listen({
      host: options.host,
      port: options.port,
      tls: { ...options.tls, ...trustedCertificates(options) },
      ...(options.connectionTimeouts === undefined ? {} : { timeouts: options.connectionTimeouts }),
      intake: flowControl.intake,
      onRequest: (exchange) => {
        dispatcher.handle(exchange);
      },
      onUpgrade: (exchange, upgrade) => {
        dispatcher.handle(exchange, upgrade);
      },
    });
    const { port } = listener;
    const { signingKey, keys } = options.serviceAccountTokens;
    const tokenKeys = (keys.length === 0 ? [signingKey] : keys).map(({ id }) => id);
    const own = { ip: options.advertiseAddress, port, tokenKeys };
    const presence = new ServerPresence(store, parts, own, options.hostName ?? hostname());
    const reconciling = Promise.all([
      runKubernetesService(
        parts,
        { clusterIp: clusterIps.first, port, presence, signingKey: signingKey.id },
        stopping.signal,
      ),
      runServiceClaimRepair(claims, stopping.signal),
      runDefaultServiceCidr(parts, serviceCidr, stopping.signal),
      registerLocalServices(parts, stopping.signal),
      aggregator.run(stopping.signal),
      publishAuthentication(parts, authentication, stopping.signal),
    ]);
    log.info('listening', { address: options.host, port });
    const opened = listener;
    return {
      port,
      stop: async () => {
        // What is waiting for something fails with the reason, and whoever asked for it is told when to come back.
        stopping.abort(
          new StatusError('ServiceUnavailable', 'the server is shutting down', {
            details: { retryAfterSeconds: 1 },
          }),
        );
        await opened.stop(stopGraceMs);
        await Promise.all([dispatcher.idle(), reconciling, flowControl.running, custom.ended, caching]);
      },
    };
  } catch (error) {
    stopping.abort();
    await caching;
    throw error;
  }
}

/** Connections are let in with certificates of clients and of proxies; what each may say is decided later. */
function trustedCertificates({ tls, frontProxy }: ApiServerOptions): { readonly clientCa?: string } {
  const trusted = [tls.clientCa, frontProxy?.clientCa].filter((pem) => pem !== undefined);
  return trusted.length === 0 ? {} : { clientCa: trusted.join('\n') };
}

function serveResources(
  options: ApiServerOptions,
  shared: Pick<StorageOptions, 'store' | 'cache' | 'metrics' | 'encodings' | 'recent'>,
  serviceAllocator: ServiceAllocator,
): ResourceTable {
  const strategies = createStrategies({ serviceAllocator, eventTtlSeconds: options.eventTtlSeconds });
  const schema = loadSchema();
  return new ResourceTable([
    ...strategies.map((strategy): ServedResource => {
      const { definition, ttlSeconds, conversion, triggerField, selectableFields = {} } = strategy;
      const storage = new ResourceStorage(definition, {
        ...shared,
        fieldReaders: () => selectableFields,
        ...(triggerField === undefined ? {} : { triggerField }),
        ...(ttlSeconds === undefined ? {} : { ttlSeconds }),
        ...(conversion === undefined ? {} : { conversion }),
      });
      return { definition, type: describedType(schema, definition.schemaName), strategy, storage };
    }),
    ...lazyStrategies.map(({ definition, load, conversion }) => {
      const storage = new ResourceStorage(definition, {
        ...shared,
        fieldReaders: () => served.strategy.selectableFields ?? {},
        ...(conversion === undefined ? {} : { conversion }),
      });
      const type = describedType(schema, definition.schemaName);
      const served: ServedResource = new LazilyServed({ definition, type, storage }, load);
      return served;
    }),
  ]);
}

function createParts(
  options: ApiServerOptions,
  registry: Registry,
  resources: ResourceTable,
  clock: Clock,
  stopping: AbortSignal,
): ServerParts {
  const namespaceStorage = resources.of(namespaces).storage;
  const accountStorage = resources.of(serviceAccounts).storage;
  const classes = resources.of(priorityClasses).storage;
  return {
    schema: loadSchema(),
    resources,
    admission: createAdmissionChain(
      {
        findNamespace: async (name) => (await namespaceStorage.find('', name))?.object,
        findServiceAccount: async (namespace, name) => (await accountStorage.find(namespace, name))?.object,
        findPriorityClass: async (name) => (await classes.find('', name))?.object,
        listPriorityClasses: async () =>
          (await classes.listCached('', 0, stopping)).items.map((item) => item.object),
        listStorageClasses: async () =>
          (await resources.of(storageClasses).storage.listCached('', 0, stopping)).items.map(
            (item) => item.object,
          ),
        clock,
        stopping,
      },
      new AdmissionMetrics(registry, clock),
      options.disabledAdmissionPlugins,
    ),
    tokens: createServiceAccountTokens(options.serviceAccountTokens, {
      findObject: findInStorage(resources),
      clock,
    }),
    authorizer: options.authorizer ?? authenticatedUsersMayDoAll,
    kubelets: new KubeletConnector(options.kubelet),
    dialPod: options.dialPod ?? dialPod,
    checkStore: () => checkStore(options.store),
    metrics: new ApiServerMetrics(registry, () => countObjects(resources), clock),
    clock,
    watchPace: new WatchPace({ clock }),
    watchChunks: new WatchChunks(),
    minWatchMs: options.minRequestTimeoutMs ?? defaultMinRequestTimeoutMs,
    log: options.log,
    stopping,
  };
}

function countObjects(resources: ResourceTable): readonly StoredCount[] {
  return resources.all.map(({ definition: { group, plural }, storage }) => ({
    group,
    resource: plural,
    count: storage.count(''),
  }));
}

async function checkStore(store: Store): Promise<void> {
  const { problem } = await store.status();
  if (problem === undefined) return;
  const effect = problem.kind === 'refusing-writes' ? 'writes are refused, reads go on' : 'writes wait long';
  throw new Error(`${problem.message}; ${effect}; since ${new Date(problem.sinceMs).toISOString()}`);
}

interface DispatcherDependencies {
  readonly limiter: RequestLimiter;
  readonly debugPage: DispatcherOptions['debugPage'];
  readonly aggregator: Aggregator;
  readonly port: () => number;
}

function createDispatcher(
  options: ApiServerOptions,
  parts: ServerParts,
  cache: WatchCache,
  { limiter, debugPage, aggregator, port }: DispatcherDependencies,
): Dispatcher {
  const { resources, schema } = parts;
  const access = new AccessMetrics(parts.metrics.registry);
  const serverAddress = (): string => `${options.advertiseAddress}:${port()}`;
  return new Dispatcher({
    parts,
    aggregator,
    authenticator: new Authenticator(parts.tokens.verifier, {
      log: options.log,
      clock: parts.clock,
      metrics: access,
      ...(options.frontProxy === undefined ? {} : { frontProxy: options.frontProxy }),
      ...(options.tls.clientCa === undefined ? {} : { clientCa: options.tls.clientCa }),
    }),
    access,
    authorizer: parts.authorizer,
    discovery: new DiscoveryHandler({ definitions: () => resources.definitions, serverAddress }),
    openId: new OpenIdHandler(parts.tokens, serverAddress),
    openApi: new OpenApiHandler(schema, resources, aggregator),
    health: new HealthHandler({
      observe: healthObserverOf(parts.metrics.registry),
      live: {},
      ready: {
        store: () => checkStore(options.store),
        'watch-cache': () => {
          if (!cache.ready) throw new Error('the watch cache has not caught up with the store');
        },
        shutdown: () => {
          if (parts.stopping.aborted) throw new Error('the server is shutting down');
        },
      },
    }),
    limiter,
    requestTimeoutMs: options.requestTimeoutMs ?? defaultRequestTimeoutMs,
    debugPage,
    metrics: parts.metrics,
  });
}
