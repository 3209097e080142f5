/** One request to a backend, its body streamed along; the answer comes back as its head. */
import type { IncomingMessage, RequestOptions } from 'node:http';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions as SecureRequestOptions } from 'node:https';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex, Readable } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { ProxyAddress } from './proxy-target.js';

/** Opens a connection to a pod; where pods are reached from depends on the machine. */
export type DialPod = (host: string, port: number) => Socket;

export const dialPod: DialPod = (host, port) => connect({ host, port });

export interface ForwardedRequest {
  readonly options: RequestOptions | SecureRequestOptions;
  readonly secure: boolean;
  /** Undefined where the client sent none. */
  readonly body: Readable | undefined;
  readonly signal: AbortSignal;
}

export type BackendAnswer =
  | {
      readonly kind: 'upgraded';
      readonly response: IncomingMessage;
      readonly socket: Duplex;
      readonly head: Buffer;
    }
  | { readonly kind: 'answered'; readonly response: IncomingMessage };

const connectTimeoutMs = 10_000;

/** How a pod is connected to. Its certificate is not checked: nobody has told which one it has to be. */
export function podOptions(
  { host, port }: ProxyAddress,
  secure: boolean,
  dial: DialPod,
): RequestOptions | SecureRequestOptions {
  return {
    // Without an agent: a connection is for one request.
    createConnection: () => {
      const socket = dial(host, port === '' ? (secure ? 443 : 80) : Number(port));
      return secure ? connectTls({ socket, rejectUnauthorized: false }) : socket;
    },
  };
}

/** Resolves with the head of the answer. Rejects with the network's error, or when there is no connection in time. */
export function forwardRequest({ options, secure, body, signal }: ForwardedRequest): Promise<BackendAnswer> {
  return new Promise((resolve, reject) => {
    const request = secure ? httpsRequest(options) : httpRequest(options);
    const timer = setTimeout(() => {
      request.destroy(new Error(`connect: no connection within ${connectTimeoutMs} ms`));
    }, connectTimeoutMs);
    const onAbort = (): void => {
      request.destroy(new Error('the client has gone'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    request.on('socket', (socket) => {
      // From here on the backend takes the time that it needs.
      socket.once(secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
      });
    });
    const settle = (): void => {
      clearTimeout(timer);
    };
    request.on('upgrade', (response, socket, head) => {
      settle();
      resolve({ kind: 'upgraded', response, socket, head });
    });
    request.on('response', (response) => {
      settle();
      resolve({ kind: 'answered', response });
    });
    request.on('error', (error) => {
      settle();
      signal.removeEventListener('abort', onAbort);
      reject(error);
    });
    request.on('close', () => {
      signal.removeEventListener('abort', onAbort);
    });
    if (body === undefined) {
      request.end();
      return;
    }
    // Node says how long a body is only for methods that usually have one.
    if (!request.hasHeader('content-length')) request.setHeader('transfer-encoding', 'chunked');
    // A client that breaks off takes the request along: the signal says so.
    body.on('error', onAbort);
    body.pipe(request);
  });
}
