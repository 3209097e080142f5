/** Calls a webhook: a POST of JSON over TLS to a URL or a Service, answered with JSON. */
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { WebhookClientConfig } from '../../api/generated/admissionregistration-v1.js';
import { systemClock } from '../../common/clock.js';
import { Deadline } from '../../common/deadline.js';
import type { ResourceTable } from '../handlers/context.js';
import { locateService } from './locate-service.js';
import { readAnswer } from './read-answer.js';

/** Why a webhook gave no answer. The message is in the words that users of Kubernetes know from it. */
export class WebhookError extends Error {
  override readonly name = 'WebhookError';
}

/** Connections to one webhook; requests beyond that wait, within their time. */
const maxConnections = 32;
const maxAnswerBytes = 64 * 1024 * 1024;
const httpsPort = 443;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly serverName: string;
  readonly path: string;
  /** As errors name it: that of the Service, not of its address. */
  readonly url: string;
}

export class WebhookClient {
  readonly #config: WebhookClientConfig;
  readonly #resources: ResourceTable;
  readonly #agent: Agent;

  /** `config` was found valid. {@link close} ends the connections. */
  constructor(config: WebhookClientConfig, resources: ResourceTable) {
    this.#config = config;
    this.#resources = resources;
    const { caBundle = '' } = config;
    this.#agent = new Agent({
      keepAlive: true,
      maxSockets: maxConnections,
      ...(caBundle === '' ? {} : { ca: Buffer.from(caBundle, 'base64') }),
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  /** The answer, parsed. Rejects with {@link WebhookError}, also when the time is over or the signal aborts. */
  async post(body: unknown, timeoutMs: number, signal: AbortSignal): Promise<unknown> {
    const query = `?timeout=${String(timeoutMs / 1000)}s`;
    const place = await this.#locate();
    const url = JSON.stringify(place.url + query);
    let answer: { readonly status: number; readonly text: string };
    try {
      answer = await send(
        { ...place, path: place.path + query },
        { agent: this.#agent, body: Buffer.from(JSON.stringify(body)), timeoutMs, signal },
      );
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new WebhookError(`Post ${url}: ${why}`, { cause });
    }
    const { status, text } = answer;
    if (status < 200 || status > 299) throw new WebhookError(wordsOfStatus(status, text));
    try {
      return JSON.parse(text) as unknown;
    } catch (cause) {
      throw new WebhookError(`the answer is not JSON: ${cause instanceof Error ? cause.message : ''}`, {
        cause,
      });
    }
  }

  async #locate(): Promise<Place> {
    const { url, service } = this.#config;
    if (service === undefined) {
      const to = new URL(url ?? '');
      const host = to.hostname.replace(/^\[|\]$/g, '');
      const port = to.port === '' ? httpsPort : Number(to.port);
      return { host, port, serverName: host, path: to.pathname, url: to.origin + to.pathname };
    }
    const { path = '/', port = httpsPort } = service;
    const location = await locateService(service, this.#resources);
    const named = `https://${service.name}.${service.namespace}.svc:${port}${path}`;
    if (location.kind === 'absent')
      throw new WebhookError(`Post ${JSON.stringify(named)}: ${location.message}`);
    return { ...location, path, url: named };
  }
}

function wordsOfStatus(status: number, text: string): string {
  return status === 404
    ? 'the server could not find the requested resource'
    : `an error on the server (${JSON.stringify(text.slice(0, 1024))}) has prevented the request from succeeding`;
}

interface Call {
  readonly agent: Agent;
  readonly body: Buffer;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

async function send(
  place: Place,
  { agent, body, timeoutMs, signal }: Call,
): Promise<{ readonly status: number; readonly text: string }> {
  const limit = new Deadline(systemClock, timeoutMs, signal);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const asked = request({
        agent,
        method: 'POST',
        host: place.host,
        port: place.port,
        servername: isAddress(place.serverName) ? '' : place.serverName,
        path: place.path,
        headers: {
          'content-type': 'application/json',
          accept: 'application/json',
          'content-length': body.length,
        },
        signal: limit.signal,
      });
      asked.on('response', resolve);
      asked.on('error', reject);
      asked.end(body);
    });
    return {
      status: response.statusCode ?? 0,
      text: (await readAnswer(response, maxAnswerBytes)).toString(),
    };
  } catch (error) {
    if (limit.passed) throw new Error('context deadline exceeded', { cause: error });
    if (signal.aborted) throw new Error('context canceled', { cause: error });
    throw error;
  } finally {
    limit.clear();
  }
}

/** A name in TLS is never an address. */
function isAddress(host: string): boolean {
  return host.includes(':') || /^[\d.]+$/.test(host);
}
