/** Connections to kubelets: logs as a response, exec and its like as a tunnel. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import type { Node } from '../../api/generated/core-v1.js';
import { StatusError } from '../../api/status-error.js';

export interface KubeletTls {
  /** PEM. Without it the kubelet's certificate is not checked, as with the kube-apiserver. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const defaultPort = 10250;
const connectTimeoutMs = 10_000;
/** The kubelet's certificate names addresses first; a name may not resolve from here. */
const addressTypes = ['InternalIP', 'Hostname', 'ExternalIP'];

export interface KubeletRequest {
  readonly node: Node;
  /** Path and query. */
  readonly path: string;
  readonly method: string;
  /** Several values of one name become several header lines. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly signal: AbortSignal;
}

export type UpgradeAnswer =
  | {
      readonly kind: 'upgraded';
      readonly response: IncomingMessage;
      readonly socket: Duplex;
      readonly head: Buffer;
    }
  /** The kubelet said no; its answer is for the client. */
  | { readonly kind: 'refused'; readonly response: IncomingMessage };

export class KubeletConnector {
  readonly #tls: KubeletTls;

  constructor(tls: KubeletTls) {
    this.#tls = tls;
  }

  /** Resolves with the head of the answer; its body is to be read or destroyed. Rejects with StatusError. */
  get(options: KubeletRequest): Promise<IncomingMessage> {
    return this.#send(options, (request, resolve) => {
      request.on('response', resolve);
    });
  }

  /** Asks for another protocol on the connection. Rejects with StatusError when the kubelet cannot be reached. */
  upgrade(options: KubeletRequest): Promise<UpgradeAnswer> {
    return this.#send(options, (request, resolve) => {
      request.on('upgrade', (response, socket, head) => {
        resolve({ kind: 'upgraded', response, socket, head });
      });
      request.on('response', (response) => {
        resolve({ kind: 'refused', response });
      });
    });
  }

  /** What an HTTPS request to the kubelet of a node needs besides method, path and headers. Throws StatusError. */
  optionsFor(node: Node): RequestOptions {
    return {
      ...kubeletAddress(node),
      // One connection each: a stream may live for hours, and an upgraded one never comes back.
      agent: false,
      rejectUnauthorized: this.#tls.ca !== undefined,
      ...this.#tls,
    };
  }

  #send<T>(
    options: KubeletRequest,
    listen: (request: ClientRequest, resolve: (value: T) => void) => void,
  ): Promise<T> {
    const { node, path, method, headers = {}, signal } = options;
    const { host, port } = kubeletAddress(node);
    const requestOptions: RequestOptions = { ...this.optionsFor(node), path, method, headers };
    return new Promise((resolve, reject) => {
      const request = httpsRequest(requestOptions);
      const timer = setTimeout(() => {
        request.destroy(new Error(`no answer within ${connectTimeoutMs} ms`));
      }, connectTimeoutMs);
      const onAbort = (): void => {
        request.destroy(new Error('the client has gone'));
      };
      const settle = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      listen(request, (value) => {
        settle();
        resolve(value);
      });
      request.on('error', (cause) => {
        settle();
        reject(
          new StatusError(
            'InternalError',
            `the kubelet of node ${node.metadata.name} at https://${host}:${port} cannot be reached: ${cause.message}`,
            { cause },
          ),
        );
      });
      request.end();
    });
  }
}

/** Where the kubelet of a node listens. Throws when the node has not said so yet. */
export function kubeletAddress({ metadata, status }: Node): { readonly host: string; readonly port: number } {
  const addresses = status.addresses ?? [];
  for (const type of addressTypes) {
    const found = addresses.find((address) => address.type === type);
    if (found !== undefined)
      return { host: found.address, port: status.daemonEndpoints?.kubeletEndpoint?.Port ?? defaultPort };
  }
  throw new StatusError(
    'InternalError',
    `node ${metadata.name} has no address: its kubelet has not registered it`,
  );
}
