/** From a request to its handler: which verb, which resource, who asks, and whether he may. */
import { pods } from '../api/resources.js';
import { isStatusError, StatusError } from '../api/status-error.js';
import type { APIService } from '../api/generated/apiregistration-v1.js';
import type { Aggregator } from './aggregation/aggregator.js';
import { findComputed } from './computed/registry.js';
import type { DiscoveryHandler } from './discovery/discovery-handler.js';
import type { HealthHandler } from './discovery/health-handler.js';
import type { OpenApiHandler } from './discovery/openapi-handler.js';
import type { OpenIdHandler } from './discovery/openid-handler.js';
import type { AccessMetrics } from './filters/access-metrics.js';
import type { Authenticator } from './filters/authentication.js';
import type { UserInfo } from './filters/user-info.js';
import { forbidden } from './filters/authorization.js';
import type { Authorizer, Decision, RequestAttributes } from './filters/authorization.js';
import { estimateSeats } from './flow-control/estimate-seats.js';
import type { Admission, RequestLimiter } from './flow-control/request-limiter.js';
import type { Handler, ServedResource, ServerParts } from './handlers/context.js';
import { handleCreate } from './handlers/create.js';
import { handleDelete } from './handlers/delete.js';
import { deprecationOf } from './handlers/deprecation.js';
import { handleDeleteCollection } from './handlers/delete-collection.js';
import { handleGet } from './handlers/get.js';
import { handleList } from './handlers/list.js';
import { handlePatch } from './handlers/patch.js';
import { readTimeoutMs } from './handlers/request-options.js';
import { handleUpdate } from './handlers/update.js';
import { handleWatch } from './handlers/watch.js';
import type { Exchange } from './http/exchange.js';
import type { UpgradeRequest } from './http/listener.js';
import { addWarning, respondError, respondJson, respondText, statusOfStoreError } from './http/respond.js';
import { TimeLimit } from './http/time-limit.js';
import type { ResourcePath } from './http/route.js';
import { parseResourcePath } from './http/route.js';
import type { ApiServerMetrics } from './metrics.js';
import { isLongRunning, RequestRecord } from './request-record.js';
import { StoreError } from './storage/store.js';
import { handleBinding } from './subresources/binding.js';
import { findSubresource, verbOfMethod } from './subresources/registry.js';

export interface DispatcherOptions {
  readonly parts: ServerParts;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly aggregator: Aggregator;
  readonly discovery: DiscoveryHandler;
  readonly openApi: OpenApiHandler;
  readonly openId: OpenIdHandler;
  readonly health: HealthHandler;
  readonly metrics: ApiServerMetrics;
  readonly access: AccessMetrics;
  readonly limiter: RequestLimiter;
  /** How long a request may take that is neither a watch nor a log nor a tunnel. */
  readonly requestTimeoutMs: number;
  /** Text of a page for those who look for what is wrong. */
  readonly debugPage: (asked: Pick<Exchange, 'path' | 'query'>) => string | undefined;
}

interface Route {
  readonly verb: string;
  readonly handler: Handler;
  readonly served: ServedResource;
}

type Found =
  | { readonly kind: 'route'; readonly path: ResourcePath; readonly route: Route }
  /** Another API server's. */
  | { readonly kind: 'remote'; readonly path: ResourcePath | undefined; readonly service: APIService }
  /** Discovery's, or nobody's. */
  | { readonly kind: 'path' }
  | { readonly kind: 'refused'; readonly error: unknown };

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #running = new Set<Promise<void>>();

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** Answers the exchange, whatever happens. */
  handle(exchange: Exchange, upgrade?: UpgradeRequest): void {
    const run = this.#answer(exchange, upgrade).finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  /** Resolves when everything that is under way now has ended. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  async #answer(exchange: Exchange, upgrade: UpgradeRequest | undefined): Promise<void> {
    const { parts, metrics, authenticator } = this.#options;
    const record = new RequestRecord(exchange, metrics, parts.clock);
    let admission: Admission | undefined;
    const found = this.#find(exchange);
    const timeLimit = new TimeLimit(exchange, parts.clock);
    try {
      if (!takesLong(found, exchange, upgrade))
        timeLimit.start(readTimeoutMs(exchange, this.#options.requestTimeoutMs));
      const user = await authenticator.authenticate(exchange);
      if (found.kind !== 'route') {
        const attributes =
          found.kind === 'remote' && found.path !== undefined
            ? attributesOf(exchange, user, remoteVerb(exchange, found.path), found.path)
            : { user, verb: exchange.method.toLowerCase(), path: exchange.path };
        admission = await this.#admit(exchange, record, attributes);
        if (found.kind === 'refused') throw found.error;
        if (found.kind === 'remote') {
          await this.#authorize(attributes);
          const forwarded = { exchange, user, upgrade, admission };
          await this.#options.aggregator.handle(forwarded, found.service);
          return;
        }
        await this.#handlePath(exchange, attributes);
      } else {
        const { path, route } = found;
        record.routed(path, route.verb);
        const attributes = attributesOf(exchange, user, route.verb, path);
        admission = await this.#admit(exchange, record, attributes, route);
        await this.#authorize(attributes);
        const deprecation = route.served.deprecation ?? deprecationOf(route.served.definition);
        if (deprecation !== undefined) {
          addWarning(exchange, deprecation);
          record.deprecated();
        }
        if (needsStrategy(route.verb, exchange)) await route.served.load?.();
        const request = { exchange, user, path, served: route.served, parts, admission };
        await route.handler(upgrade === undefined ? request : { ...request, upgrade });
      }
    } catch (error) {
      if (!timeLimit.passed) this.#fail(exchange, error);
    } finally {
      timeLimit.clear();
      admission?.release();
      const seconds = record.end();
      parts.log.debug('request', {
        method: exchange.method,
        path: exchange.path,
        code: exchange.status,
        seconds,
      });
    }
  }

  /** What the request is addressed to. What cannot be served is refused only when its turn has come. */
  #find(exchange: Exchange): Found {
    try {
      const path = parseResourcePath(exchange.path);
      const route = path === undefined ? undefined : this.#route(exchange, path);
      const service = route === undefined ? this.#options.aggregator.find(exchange.path) : undefined;
      if (service !== undefined) return { kind: 'remote', path, service };
      return path === undefined || route === undefined ? { kind: 'path' } : { kind: 'route', path, route };
    } catch (error) {
      return { kind: 'refused', error };
    }
  }

  async #admit(
    exchange: Exchange,
    record: RequestRecord,
    attributes: RequestAttributes,
    route?: Route,
  ): Promise<Admission> {
    const request = {
      exchange,
      attributes,
      isWatch: route?.verb === 'watch',
      longRunning: route !== undefined && isLongRunning(route.verb),
      estimateSeats: () => (route === undefined ? 1 : estimateSeats(exchange, attributes, route.served)),
    };
    record.queued();
    try {
      const admission = await this.#options.limiter.admit(request);
      record.admitted();
      return admission;
    } catch (error) {
      if (isStatusError(error)) record.refused(error.code);
      throw error;
    }
  }

  /** Undefined for a path below a group version that is discovery's, or nobody's. */
  #route(exchange: Exchange, path: ResourcePath): Route | undefined {
    const { resources } = this.#options.parts;
    if (path.resource === 'bindings' && path.group === '' && path.name === '')
      return {
        verb: 'create',
        handler: onlyPost(exchange, handleBinding),
        served: resources.of(pods) as unknown as ServedResource,
      };
    const served = resources.find(path);
    if (served === undefined) return undefined;
    if (path.subresource !== '') return subresourceRoute(exchange, path, served);
    const [verb, handler] = verbOf(exchange, path);
    if (!served.definition.verbs.includes(verb)) throw methodNotAllowed();
    return { verb, handler: findComputed(served.definition.schemaName)?.[verb] ?? handler, served };
  }

  async #authorize(attributes: RequestAttributes): Promise<void> {
    const { authorizer, access, parts } = this.#options;
    const startedMs = parts.clock.monotonicMs();
    const secondsSince = (): number => (parts.clock.monotonicMs() - startedMs) / 1000;
    let decision: Decision;
    try {
      const asked = authorizer.authorize(attributes);
      decision = asked instanceof Promise ? await asked : asked;
    } catch (error) {
      access.authorized('error', secondsSince());
      throw error;
    }
    access.authorized(decision.kind === 'allow' ? 'allowed' : 'denied', secondsSince());
    if (decision.kind === 'deny') throw forbidden(attributes, decision.reason);
  }

  /** Everything that is no resource. */
  async #handlePath(exchange: Exchange, attributes: RequestAttributes): Promise<void> {
    const { discovery, openApi, openId, health, metrics } = this.#options;
    await this.#authorize(attributes);
    if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
      if (parseResourcePath(exchange.path) !== undefined) throw noSuchResource();
      throw methodNotAllowed();
    }
    if (await health.handle(exchange)) return;
    if (discovery.handle(exchange) || openId.handle(exchange)) return;
    if (exchange.path === '/metrics') {
      exchange.respond(
        200,
        { 'content-type': metrics.registry.contentType },
        await metrics.registry.metrics(),
      );
      return;
    }
    const page = this.#options.debugPage(exchange);
    if (page !== undefined) {
      respondText(exchange, 200, page);
      return;
    }
    if (exchange.path === '/') {
      respondJson(exchange, 200, { paths: rootPaths });
      return;
    }
    if (await openApi.handle(exchange)) return;
    throw noSuchResource();
  }

  /** Errors end here: known ones as they are, the others as InternalError, logged once. */
  #fail(exchange: Exchange, error: unknown): void {
    if (exchange.signal.aborted && exchange.status === 0) return;
    if (isStatusError(error)) {
      if (error.code >= 500)
        this.#options.parts.log.warn('request failed', { path: exchange.path, err: error });
      respondError(exchange, error);
      return;
    }
    if (error instanceof StoreError) {
      this.#options.parts.log.warn('the store refused', { path: exchange.path, err: error });
      respondError(exchange, statusOfStoreError(error));
      return;
    }
    this.#options.parts.log.error('a handler failed', {
      method: exchange.method,
      path: exchange.path,
      err: error,
    });
    const message = error instanceof Error ? error.message : String(error);
    respondError(
      exchange,
      new StatusError('InternalError', `Internal error occurred: ${message}`, { cause: error }),
    );
  }
}

const rootPaths = [
  '/.well-known/openid-configuration',
  '/api',
  '/apis',
  '/healthz',
  '/livez',
  '/metrics',
  '/openapi/v2',
  '/openapi/v3',
  '/openid/v1/jwks',
  '/readyz',
  '/version',
];

function verbOf(exchange: Exchange, path: ResourcePath): readonly [string, Handler] {
  const isObject = path.name !== '';
  switch (exchange.method) {
    case 'GET':
    case 'HEAD':
      if (wantsWatch(exchange, path)) return ['watch', handleWatch];
      return isObject ? ['get', handleGet] : ['list', handleList];
    case 'POST':
      if (!isObject) return ['create', handleCreate];
      break;
    case 'PUT':
      if (isObject) return ['update', handleUpdate];
      break;
    case 'PATCH':
      if (isObject) return ['patch', handlePatch];
      break;
    case 'DELETE':
      return isObject ? ['delete', handleDelete] : ['deletecollection', handleDeleteCollection];
  }
  throw methodNotAllowed();
}

const readingVerbs: ReadonlySet<string> = new Set(['get', 'list', 'watch']);

/** Reading asks the rules of a kind for nothing but what selectors look at. */
function needsStrategy(verb: string, exchange: Exchange): boolean {
  return (
    !readingVerbs.has(verb) || exchange.query.has('fieldSelector') || exchange.query.has('labelSelector')
  );
}

/** What a request to a resource of another server is to access control. */
function remoteVerb(exchange: Exchange, path: ResourcePath): string {
  switch (exchange.method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return path.name === '' ? 'deletecollection' : 'delete';
    default:
      if (wantsWatch(exchange, path)) return 'watch';
      return path.name === '' ? 'list' : 'get';
  }
}

/** Watches, logs and tunnels, also those of another server, last as long as their client wants. */
function takesLong(found: Found, exchange: Exchange, upgrade: UpgradeRequest | undefined): boolean {
  if (found.kind === 'route') return isLongRunning(found.route.verb);
  if (found.kind !== 'remote') return false;
  return upgrade !== undefined || (found.path !== undefined && wantsWatch(exchange, found.path));
}

function wantsWatch(exchange: Exchange, path: ResourcePath): boolean {
  if (path.legacyWatch) return true;
  const watch = exchange.query.get('watch');
  return watch !== null && watch !== 'false' && watch !== '0';
}

function subresourceRoute(exchange: Exchange, path: ResourcePath, served: ServedResource): Route {
  const known = served.definition.subresources.includes(path.subresource);
  const subresource = known ? findSubresource(path.subresource) : undefined;
  if (subresource === undefined) throw noSuchResource();
  if (path.rest.length > 0 && subresource.connects !== 'to-path') throw noSuchResource();
  const method = (exchange.method === 'HEAD' ? 'GET' : exchange.method) as keyof typeof verbOfMethod;
  const handler = subresource.handlers[method];
  if (handler === undefined) throw methodNotAllowed();
  const verb = subresource.connects === undefined ? verbOfMethod[method] : 'connect';
  return { verb, handler, served };
}

function onlyPost(exchange: Exchange, handler: Handler): Handler {
  if (exchange.method !== 'POST') throw methodNotAllowed();
  return handler;
}

function attributesOf(
  exchange: Exchange,
  user: UserInfo,
  verb: string,
  path: ResourcePath,
): RequestAttributes {
  // To RBAC, a tunnel is what its method says: a creation or a read of its subresource.
  const method = exchange.method === 'HEAD' ? 'GET' : exchange.method;
  const asked = verb === 'connect' ? verbOfMethod[method as keyof typeof verbOfMethod] : verb;
  const { group, version, namespace, resource, name, subresource } = path;
  return {
    user,
    verb: asked,
    path: exchange.path,
    resource: { group, version, namespace, resource, name, subresource },
  };
}

function noSuchResource(): StatusError {
  return new StatusError('NotFound', 'the server could not find the requested resource', { details: {} });
}

function methodNotAllowed(): StatusError {
  return new StatusError(
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    { details: {} },
  );
}
