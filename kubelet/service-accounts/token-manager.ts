/**
 * Tokens of the service accounts that Pods of this node run as, each bound to its Pod: asked of the apiserver once,
 * renewed in time, and taken over from the files of the kubelet before this one.
 */
import { readFile } from 'node:fs/promises';
import type { TokenRequest } from '../../api/generated/authentication-v1.js';
import type { Pod, ServiceAccount, ServiceAccountTokenProjection } from '../../api/generated/core-v1.js';
import { serviceAccounts } from '../../api/resources.js';
import type { ApiClient, ResourceClient } from '../../client/types.js';
import type { Clock } from '../../common/clock.js';
import type { Logger } from '../../common/log.js';
import type { PodUid } from '../pods/referenced-object-cache.js';
import { readTokenFacts, renewalTimeMs } from './read-token.js';

export interface TokenManagerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** A token of this Pod is due: its volumes should be written again. */
  readonly onDue: (pod: PodUid) => void;
  /** 0 to 1: spreads renewals. */
  readonly random?: () => number;
}

interface Entry {
  current: { readonly token: string; readonly expiresMs: number; readonly renewMs: number } | undefined;
  /** A request under way, shared by all who ask meanwhile. */
  request: Promise<string> | undefined;
  cancelTimer: () => void;
}

const defaultSeconds = 3600;
/** Renewals of tokens that were made together do not come together. */
const spreadMs = 10_000;
const retryMs = 30_000;

export class TokenManager {
  readonly #options: TokenManagerOptions;
  readonly #accounts: ResourceClient<ServiceAccount>;
  readonly #entries = new Map<PodUid, Map<string, Entry>>();

  constructor(options: TokenManagerOptions) {
    this.#options = options;
    this.#accounts = options.client.resource(serviceAccounts);
  }

  /**
   * A token for this projection, at least a fifth of its life long. `file` holds the one that was written before, if
   * any. A renewal that fails is no error while the old token lives. Rejects with an Error that says what went wrong.
   */
  async get(pod: Pod, projection: ServiceAccountTokenProjection, file: string): Promise<string> {
    const entry = this.#entryOf(pod, projection);
    const now = (): number => this.#options.clock.now();
    if (entry.current === undefined) await this.#takeOver(entry, pod, file);
    const { current } = entry;
    if (current !== undefined && now() < current.renewMs) return current.token;
    entry.request ??= this.#request(entry, pod, projection).finally(() => {
      entry.request = undefined;
    });
    try {
      return await entry.request;
    } catch (error) {
      if (current === undefined || now() >= current.expiresMs)
        throw new Error(`failed to fetch token: ${messageOf(error)}`, { cause: error });
      this.#options.log.warn('a token could not be renewed, will try again', {
        pod: `${pod.metadata.namespace}/${pod.metadata.name}`,
        err: error,
      });
      this.#schedule(entry, pod.metadata.uid, now() + retryMs);
      return current.token;
    }
  }

  /** The Pod is gone. */
  forget(pod: PodUid): void {
    for (const entry of this.#entries.get(pod)?.values() ?? []) entry.cancelTimer();
    this.#entries.delete(pod);
  }

  stop(): void {
    for (const pod of [...this.#entries.keys()]) this.forget(pod);
  }

  #entryOf(pod: Pod, { audience = '', expirationSeconds, path }: ServiceAccountTokenProjection): Entry {
    const { uid } = pod.metadata;
    const ofPod = this.#entries.get(uid) ?? new Map<string, Entry>();
    this.#entries.set(uid, ofPod);
    const key = JSON.stringify([audience, expirationSeconds, path]);
    const entry = ofPod.get(key) ?? { current: undefined, request: undefined, cancelTimer: () => undefined };
    ofPod.set(key, entry);
    return entry;
  }

  /** A Pod never changes its projections: what is in the file was asked for by this one. */
  async #takeOver(entry: Entry, pod: Pod, file: string): Promise<void> {
    const token = await readIfThere(file);
    const facts = token === undefined ? undefined : readTokenFacts(token);
    if (token === undefined || facts === undefined || entry.current !== undefined) return;
    const isOurs =
      facts.podUid === pod.metadata.uid &&
      facts.serviceAccount === (pod.spec.serviceAccountName ?? 'default');
    if (isOurs) this.#keep(entry, pod.metadata.uid, token, facts.issuedMs, facts.expiresMs);
  }

  async #request(entry: Entry, pod: Pod, projection: ServiceAccountTokenProjection): Promise<string> {
    const { namespace, name, uid } = pod.metadata;
    const { audience = '', expirationSeconds = defaultSeconds } = projection;
    const request: TokenRequest = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: {
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const at = { namespace, name: pod.spec.serviceAccountName ?? 'default' };
    const answer = (await this.#accounts.createSubresource(at, 'token', request)) as Partial<TokenRequest>;
    const { token = '', expirationTimestamp = '' } = answer.status ?? {};
    const expiresMs = Date.parse(expirationTimestamp);
    if (token === '' || Number.isNaN(expiresMs))
      throw new Error('the answer to the request of a token holds none');
    const lifeMs = (answer.spec?.expirationSeconds ?? expirationSeconds) * 1000;
    this.#keep(entry, uid, token, expiresMs - lifeMs, expiresMs);
    return token;
  }

  #keep(entry: Entry, uid: PodUid, token: string, issuedMs: number, expiresMs: number): void {
    const { random = Math.random } = this.#options;
    const renewMs = renewalTimeMs({ issuedMs, expiresMs }) - random() * spreadMs;
    entry.current = { token, expiresMs, renewMs };
    this.#schedule(entry, uid, renewMs);
  }

  #schedule(entry: Entry, uid: PodUid, timeMs: number): void {
    const { clock, onDue } = this.#options;
    entry.cancelTimer();
    // Nobody asks for the tokens of a Pod that was forgotten while its request was under way.
    if (![...(this.#entries.get(uid)?.values() ?? [])].includes(entry)) return;
    entry.cancelTimer = clock.schedule(Math.max(0, timeMs - clock.now()), () => {
      onDue(uid);
    });
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
