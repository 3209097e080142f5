/**
 * API servers behind this one: asks them whether they are there, tells so in the status of their APIServices, makes what
 * they serve part of discovery, and passes requests on.
 */
import type { APIService, APIServiceCondition } from '../../api/generated/apiregistration-v1.js';
import { isDeepStrictEqual } from 'node:util';
import type { PartOfDocument } from '../../api/openapi/documents.js';
import type { PublishedDocument } from '../../api/openapi/publisher.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { apiServices } from '../../api/resources.js';
import { isStatusError, StatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import { Deadline } from '../../common/deadline.js';
import type { UserInfo } from '../filters/user-info.js';
import type { ResourceRequest, ServerParts } from '../handlers/context.js';
import type { UpgradeRequest } from '../http/listener.js';
import { timestamp } from '../resources/object-meta.js';
import { forwardRequest } from '../subresources/proxy/forward-request.js';
import type { BackendAnswer } from '../subresources/proxy/forward-request.js';
import { hasBody, passThrough } from '../subresources/proxy/proxy.js';
import { requestHeaders } from '../subresources/proxy/proxy-headers.js';
import { arrangeGroups } from './arrange-groups.js';
import { tunnel } from '../subresources/tunnel.js';
import { locateBackend, userHeaders } from './backend.js';
import type { Backend, ProxyCertificate } from './backend.js';
import { remoteDefinitions } from './remote-definitions.js';
import { ServerOpenApi } from './server-openapi.js';
import type { ServerAnswer } from './server-openapi.js';
import { readAnswer } from '../webhooks/read-answer.js';

/** Servers behind are asked this often; a changed APIService at once. */
const checkEveryMs = 30_000;
const answerTimeoutMs = 5_000;
const maxAnswerBytes = 32 * 1024 * 1024;
/** As whom this server asks for itself. */
const ownUser: UserInfo = { name: 'system:kube-aggregator', groups: ['system:masters'] };

interface Remote {
  readonly service: APIService;
  readonly openApi: ServerOpenApi;
  available: boolean;
  definitions: readonly ResourceDefinition[];
}

/** What the servers behind publish, in the order of their names: the same object until some of it changes. */
export interface RemoteOpenApi {
  readonly v2: readonly PartOfDocument[];
  /** Hashes of the documents, by `apis/<group>/<version>`. */
  readonly v3: ReadonlyMap<string, string>;
}

/** A request for the server behind an APIService. */
export interface ForwardedToServer extends Pick<ResourceRequest, 'exchange' | 'user' | 'admission'> {
  readonly upgrade: UpgradeRequest | undefined;
}

type Verdict = Pick<APIServiceCondition, 'status' | 'reason' | 'message'> & {
  readonly definitions: readonly ResourceDefinition[];
};

export class Aggregator {
  readonly #parts: ServerParts;
  readonly #certificate: ProxyCertificate | undefined;
  readonly #remotes = new Map<string, Remote>();
  #changed = new AbortController();
  #openApi: RemoteOpenApi = { v2: [], v3: new Map() };

  constructor(parts: ServerParts, certificate: ProxyCertificate | undefined) {
    this.#parts = parts;
    this.#certificate = certificate;
  }

  /** Follows APIServices until the signal aborts. Resolves when nothing runs any more. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#follow(signal), this.#check(signal)]);
  }

  /** The APIService that a path is for, when another server serves it. */
  find(path: string): APIService | undefined {
    const [, root, group = '', version = ''] = path.split('/');
    return root === 'apis' ? this.#remotes.get(`${version}.${group}`)?.service : undefined;
  }

  get openApi(): RemoteOpenApi {
    return this.#openApi;
  }

  /** A document of {@link openApi}. Undefined when it is not there any more. */
  async openApiV3(root: string, signal: AbortSignal): Promise<PublishedDocument | undefined> {
    const remote = [...this.#remotes.values()].find((one) => one.available && one.openApi.root === root);
    if (remote === undefined) return undefined;
    const backend = await this.#locate(remote.service);
    if (backend.kind === 'absent') return undefined;
    return remote.openApi.v3((path, headers) => this.#get(backend, path, signal, headers));
  }

  /** Passes a request on, a change of protocol included. Throws ServiceUnavailable when the server is not there. */
  async handle(forwarded: ForwardedToServer, service: APIService): Promise<void> {
    if (this.#remotes.get(service.metadata.name)?.available !== true) throw unavailable();
    const answer = await this.#ask(service, forwarded);
    // The answer has begun, and may take as long as a watch: it holds nobody's place.
    forwarded.admission.release();
    if (answer.kind === 'answered') await passThrough(forwarded.exchange, answer.response);
    else if (forwarded.upgrade === undefined) answer.socket.destroy();
    else await tunnel(forwarded.upgrade, answer, this.#parts.stopping);
  }

  async #ask(service: APIService, { exchange, user, upgrade }: ForwardedToServer): Promise<BackendAnswer> {
    const backend = await this.#locate(service);
    if (backend.kind === 'absent') throw unavailable();
    const host = `${String(backend.options.host)}:${String(backend.options.port)}`;
    const place = { host, prefix: exchange.path, clientAddress: exchange.socket.remoteAddress ?? '' };
    const isUpgrade = upgrade !== undefined;
    try {
      return await forwardRequest({
        secure: true,
        options: {
          ...backend.options,
          agent: false,
          method: exchange.method,
          path: exchange.path + exchange.search,
          headers: { ...requestHeaders(exchange.headers, place, '', isUpgrade), ...userHeaders(user) },
        },
        body: !isUpgrade && hasBody(exchange) ? exchange.body : undefined,
        signal: exchange.signal,
      });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new StatusError('ServiceUnavailable', `error trying to reach service: ${why}`, { cause });
    }
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { storage } = this.#parts.resources.of(apiServices);
    while (!signal.aborted) {
      const { items, revision } = await storage.listCached('', 0, signal);
      this.#take(items.map(({ object }) => object));
      try {
        const watch = storage.watch({ namespace: '', afterRevision: revision, signal });
        const iterator = watch[Symbol.asyncIterator]();
        await iterator.next();
        await iterator.return?.();
      } catch (error) {
        this.#parts.log.info('APIServices are listed again', { err: error });
      }
    }
  }

  #take(all: readonly APIService[]): void {
    const remote = all.filter(({ spec }) => spec.service !== undefined);
    const names = new Set(remote.map(({ metadata }) => metadata.name));
    let isNews = false;
    for (const name of this.#remotes.keys())
      if (!names.has(name)) {
        this.#remotes.delete(name);
        isNews = true;
      }
    for (const service of remote) {
      const { name } = service.metadata;
      const before = this.#remotes.get(name);
      const isSame =
        before !== undefined && JSON.stringify(before.service.spec) === JSON.stringify(service.spec);
      this.#remotes.set(name, {
        service,
        openApi: isSame ? before.openApi : new ServerOpenApi(rootOf(service)),
        available: isSame && before.available,
        definitions: isSame ? before.definitions : [],
      });
      if (!isSame) isNews = true;
    }
    if (!isNews) return;
    this.#publish();
    this.#changed.abort();
  }

  async #check(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#changed = new AbortController();
      await Promise.all([...this.#remotes.values()].map((remote) => this.#checkOne(remote, signal)));
      this.#publish();
      await sleep(this.#parts.clock, checkEveryMs, AbortSignal.any([signal, this.#changed.signal]));
    }
  }

  async #checkOne({ service }: Remote, signal: AbortSignal): Promise<void> {
    const { definitions, ...condition } = await this.#judge(service, signal);
    if (signal.aborted) return;
    const current = this.#remotes.get(service.metadata.name);
    if (current !== undefined) {
      current.available = condition.status === 'True';
      // What a server served last stays in discovery while it is away: its kinds are not gone.
      // The same objects while nothing changes: what is made of them is kept so long.
      if (current.available && !isDeepStrictEqual(current.definitions, definitions))
        current.definitions = definitions;
      if (current.available) await this.#refreshOpenApi(current, signal);
    }
    await reportAvailability(this.#parts, service.metadata.name, condition);
  }

  /** What cannot be had or read is left out, and told of in the log: the server itself may be well. */
  async #refreshOpenApi({ service, openApi }: Remote, signal: AbortSignal): Promise<void> {
    try {
      const backend = await this.#locate(service);
      if (backend.kind === 'absent') return;
      await openApi.refresh((path, headers) => this.#get(backend, path, signal, headers));
    } catch (error) {
      if (isAborted(signal)) return;
      this.#parts.log.warn('the OpenAPI of a server behind this one is left out', {
        service: service.metadata.name,
        err: error,
      });
    }
  }

  async #judge(service: APIService, signal: AbortSignal): Promise<Verdict> {
    const backend = await this.#locate(service);
    if (backend.kind === 'absent')
      return { status: 'False', reason: backend.reason, message: backend.message, definitions: [] };
    const path = `/apis/${service.spec.group ?? ''}/${service.spec.version ?? ''}`;
    const url = `https://${String(backend.options.host)}:${String(backend.options.port)}${path}`;
    try {
      const { status, body } = await this.#get(backend, path, signal, { accept: 'application/json' });
      if (status !== 200) throw new Error(`bad status from ${path}: ${String(status)}`);
      return {
        status: 'True',
        reason: 'Passed',
        message: 'all checks passed',
        definitions: remoteDefinitions(service, body.toString()),
      };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `failing or missing response from ${url}: ${why}`;
      return { status: 'False', reason: 'FailedDiscoveryCheck', message, definitions: [] };
    }
  }

  async #get(
    backend: Backend & { kind: 'found' },
    path: string,
    signal: AbortSignal,
    asks: Readonly<Record<string, string>>,
  ): Promise<ServerAnswer> {
    const headers = { ...asks, ...userHeaders(ownUser) };
    const limit = new Deadline(this.#parts.clock, answerTimeoutMs, signal);
    try {
      const { response } = await forwardRequest({
        secure: true,
        options: { ...backend.options, agent: false, method: 'GET', path, headers },
        body: undefined,
        signal: limit.signal,
      });
      const { statusCode: status = 0, headers: received } = response;
      return { status, etag: received.etag, body: await readAnswer(response, maxAnswerBytes) };
    } finally {
      limit.clear();
    }
  }

  #locate(service: APIService): Promise<Backend> {
    return locateBackend(service, this.#parts.resources, this.#certificate);
  }

  #publish(): void {
    const remotes = [...this.#remotes.values()].sort(
      (a, b) =>
        b.service.spec.groupPriorityMinimum - a.service.spec.groupPriorityMinimum ||
        b.service.spec.versionPriority - a.service.spec.versionPriority,
    );
    const definitions = remotes.flatMap((one) => one.definitions);
    const services = remotes.map(({ service }) => service);
    this.#parts.resources.setRemote(definitions, (local) => arrangeGroups(local, definitions, services));
    this.#publishOpenApi();
  }

  #publishOpenApi(): void {
    const published = [...this.#remotes.values()]
      .filter(({ available }) => available)
      .map(({ openApi }) => openApi)
      .sort((a, b) => (a.root < b.root ? -1 : 1));
    const v2 = published.flatMap((one) => one.v2 ?? []);
    const v3 = new Map(
      published.flatMap(({ root, v3Hash }) => (v3Hash === undefined ? [] : [[root, v3Hash]])),
    );
    const isSame = sameItems(v2, this.#openApi.v2) && sameItems([...v3].flat(), [...this.#openApi.v3].flat());
    if (!isSame) this.#openApi = { v2, v3 };
  }
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  return a.length === b.length && a.every((one, index) => one === b[index]);
}

function rootOf({ spec }: APIService): string {
  return `apis/${spec.group ?? ''}/${spec.version ?? ''}`;
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}

function unavailable(): StatusError {
  return new StatusError('ServiceUnavailable', 'service unavailable', { details: {} });
}

/** Writes the condition Available, when it has changed. */
export async function reportAvailability(
  { resources, clock }: ServerParts,
  name: string,
  { status, reason, message }: Pick<APIServiceCondition, 'status' | 'reason' | 'message'>,
): Promise<void> {
  try {
    await resources.of(apiServices).storage.guaranteedUpdate('', name, (current) => {
      const before = current.status.conditions?.find(({ type }) => type === 'Available');
      if (before?.status === status && before.reason === reason && before.message === message)
        return { kind: 'keep' };
      const lastTransitionTime =
        before?.status === status ? before.lastTransitionTime : timestamp(clock.now());
      const condition = {
        type: 'Available',
        status,
        lastTransitionTime,
        reason,
        message,
      } as APIServiceCondition;
      return {
        kind: 'write',
        object: { ...current, status: { ...current.status, conditions: [condition] } },
      };
    });
  } catch (error) {
    // Deleted meanwhile.
    if (!isStatusError(error, 'NotFound')) throw error;
  }
}
