/**
 * API servers behind this one: asks them whether they are there, tells so in the status of their APIServices, makes what
 * they serve part of discovery, and passes requests on.
 */
import type { APIService, APIServiceCondition } from '../../api/generated/apiregistration-v1.js';
import type { ResourceDefinition } from '../../api/resources.js';
import { apiServices } from '../../api/resources.js';
import { isStatusError, StatusError } from '../../api/status-error.js';
import { sleep } from '../../common/clock.js';
import type { UserInfo } from '../filters/user-info.js';
import type { ResourceRequest, ServerParts } from '../handlers/context.js';
import type { UpgradeRequest } from '../http/listener.js';
import { timestamp } from '../resources/object-meta.js';
import { forwardRequest } from '../subresources/proxy/forward-request.js';
import type { BackendAnswer } from '../subresources/proxy/forward-request.js';
import { hasBody, passThrough } from '../subresources/proxy/proxy.js';
import { requestHeaders } from '../subresources/proxy/proxy-headers.js';
import { tunnel } from '../subresources/tunnel.js';
import { locateBackend, userHeaders } from './backend.js';
import type { Backend, ProxyCertificate } from './backend.js';
import { remoteDefinitions } from './remote-definitions.js';

/** Servers behind are asked this often; a changed APIService at once. */
const checkEveryMs = 30_000;
const answerTimeoutMs = 5_000;
/** As whom this server asks for itself. */
const ownUser: UserInfo = { name: 'system:kube-aggregator', groups: ['system:masters'] };

interface Remote {
  readonly service: APIService;
  available: boolean;
  definitions: readonly ResourceDefinition[];
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
      if (current.available) current.definitions = definitions;
    }
    await reportAvailability(this.#parts, service.metadata.name, condition);
  }

  async #judge(service: APIService, signal: AbortSignal): Promise<Verdict> {
    const backend = await this.#locate(service);
    if (backend.kind === 'absent')
      return { status: 'False', reason: backend.reason, message: backend.message, definitions: [] };
    const path = `/apis/${service.spec.group ?? ''}/${service.spec.version ?? ''}`;
    const url = `https://${String(backend.options.host)}:${String(backend.options.port)}${path}`;
    try {
      const text = await this.#get(backend, path, signal);
      return {
        status: 'True',
        reason: 'Passed',
        message: 'all checks passed',
        definitions: remoteDefinitions(service, text),
      };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `failing or missing response from ${url}: ${why}`;
      return { status: 'False', reason: 'FailedDiscoveryCheck', message, definitions: [] };
    }
  }

  async #get(backend: Backend & { kind: 'found' }, path: string, signal: AbortSignal): Promise<string> {
    const headers = { accept: 'application/json', ...userHeaders(ownUser) };
    const { response } = await forwardRequest({
      secure: true,
      options: { ...backend.options, agent: false, method: 'GET', path, headers },
      body: undefined,
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerTimeoutMs)]),
    });
    let text = '';
    response.setEncoding('utf8');
    for await (const chunk of response as AsyncIterable<string>) text += chunk;
    if (response.statusCode !== 200)
      throw new Error(`bad status from ${path}: ${String(response.statusCode)}`);
    return text;
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
    this.#parts.resources.setRemote(remotes.flatMap(({ definitions }) => definitions));
  }
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
