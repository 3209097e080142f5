/**
 * pods/proxy, services/proxy and nodes/proxy: any method and path, to the pod itself, to one of a Service's pods, or to
 * the kubelet of a node. WebSockets and other upgrades pass, links back to the backend are led through the proxy again.
 */
import { constants, createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import type { IncomingMessage, RequestOptions } from 'node:http';
import { pipeline } from 'node:stream';
import type { Duplex, Readable } from 'node:stream';
import { endpoints, nodes, pods, services } from '../../../api/resources.js';
import { StatusError } from '../../../api/status-error.js';
import type { Handler, ResourceRequest } from '../../handlers/context.js';
import type { Exchange } from '../../http/exchange.js';
import { kubeletAddress } from '../../kubelet-proxy/kubelet-connector.js';
import { tunnel } from '../tunnel.js';
import { forwardRequest, podOptions } from './forward-request.js';
import type { BackendAnswer } from './forward-request.js';
import { linkRewriter } from './html-links.js';
import type { ForwardedPlace, ProxiedPlace } from './proxy-headers.js';
import { requestHeaders, responseHeaders, rewriteUrl } from './proxy-headers.js';
import type { ProxyAddress } from './proxy-target.js';
import {
  endpointCandidates,
  hasAddress,
  isProxyable,
  parseProxyName,
  podAddress,
  servicePortName,
} from './proxy-target.js';

interface Backend {
  readonly secure: boolean;
  /** `host:port`. */
  readonly host: string;
  readonly options: RequestOptions;
}

export const handleProxy: Handler = async (request) => {
  const { exchange, upgrade, parts } = request;
  const { prefix, rest } = splitProxyPath(request);
  if (rest === '' && upgrade === undefined && (exchange.method === 'GET' || exchange.method === 'HEAD')) {
    // Relative links of the page would otherwise lead beside the proxy.
    exchange.respond(301, { location: `${prefix}/${exchange.search}` });
    return;
  }
  const backend = await locateBackend(request);
  const place: ForwardedPlace = {
    host: exchange.headers.host ?? exchange.headers[':authority']?.toString() ?? '',
    prefix,
    clientAddress: exchange.socket.remoteAddress ?? '',
  };
  const answer = await send(request, backend, place, rest);
  if (answer.kind === 'upgraded') {
    if (upgrade === undefined) answer.socket.destroy();
    else await tunnel(upgrade, answer, parts.stopping);
    return;
  }
  await passOn(exchange, answer.response, {
    host: place.host,
    prefix,
    ownHosts: [backend.host, place.host],
  });
};

async function send(
  { exchange, upgrade }: ResourceRequest,
  backend: Backend,
  place: ForwardedPlace,
  rest: string,
): Promise<BackendAnswer> {
  try {
    return await forwardRequest({
      secure: backend.secure,
      options: {
        ...backend.options,
        method: exchange.method,
        path: `${rest === '' ? '/' : rest}${exchange.search}`,
        headers: requestHeaders(exchange.headers, place, rest, upgrade !== undefined),
      },
      body: upgrade === undefined && hasBody(exchange) ? exchange.body : undefined,
      signal: exchange.signal,
    });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StatusError('ServiceUnavailable', `error trying to reach service: ${why}`, { cause });
  }
}

/** Whether a body follows the head of a request. */
export function hasBody({ headers, body }: Exchange): boolean {
  const length = headers['content-length'];
  if (length !== undefined) return length !== '0';
  // HTTP/2 says with the headers whether anything follows.
  return headers['transfer-encoding'] !== undefined || ('endAfterHeaders' in body && !body.endAfterHeaders);
}

/** The path up to `proxy`, and what follows it, as the client has sent them. */
export function splitProxyPath({ exchange, path }: Pick<ResourceRequest, 'exchange' | 'path'>): {
  readonly prefix: string;
  readonly rest: string;
} {
  const parts = path.namespace === '' ? 5 : 7;
  const prefix = new RegExp(`^(?:/+[^/]+){${parts}}`).exec(exchange.path)?.[0] ?? exchange.path;
  return { prefix, rest: exchange.path.slice(prefix.length) };
}

async function locateBackend(request: ResourceRequest): Promise<Backend> {
  switch (request.path.resource) {
    case 'pods':
      return locatePodBackend(request);
    case 'services':
      return locateServiceBackend(request);
    case 'nodes':
      return locateNodeBackend(request);
    default:
      throw new Error(`there is no proxy to ${request.path.resource}`);
  }
}

async function locatePodBackend(request: ResourceRequest): Promise<Backend> {
  const { path, parts, exchange } = request;
  const wanted = parseProxyName(path.name, 'pod');
  const pod = await parts.resources.of(pods).storage.get(path.namespace, wanted.name, exchange.signal);
  return addressBackend(request, podAddress(pod.object, wanted), wanted.scheme);
}

async function locateServiceBackend(request: ResourceRequest): Promise<Backend> {
  const { path, parts, exchange } = request;
  const { resources } = parts;
  const wanted = parseProxyName(path.name, 'service');
  const service = await resources.of(services).storage.get(path.namespace, wanted.name, exchange.signal);
  const portName = servicePortName(service.object, wanted);
  const found = await resources.of(endpoints).storage.find(path.namespace, wanted.name, exchange.signal);
  const candidates =
    found === undefined ? [] : endpointCandidates(found.object, portName, () => Math.random());
  for (const { address, podName } of candidates) {
    const pod = await resources.of(pods).storage.find(path.namespace, podName, exchange.signal);
    if (pod !== undefined && hasAddress(pod.object, address.host))
      return addressBackend(request, address, wanted.scheme);
  }
  throw new StatusError('ServiceUnavailable', `no endpoints available for service "${path.name}"`);
}

async function locateNodeBackend(request: ResourceRequest): Promise<Backend> {
  const { path, parts, exchange } = request;
  const wanted = parseProxyName(path.name, 'node');
  const { object: node } = await parts.resources.of(nodes).storage.get('', wanted.name, exchange.signal);
  const kubelet = kubeletAddress(node);
  if (wanted.port === '' || wanted.port === String(kubelet.port))
    return {
      secure: true,
      host: `${kubelet.host}:${kubelet.port}`,
      options: parts.kubelets.optionsFor(node),
    };
  // Another port of the node is not the kubelet's: it gets no certificate of ours.
  if (!isProxyable(kubelet.host)) throw new StatusError('BadRequest', 'address not allowed');
  return addressBackend(request, { host: kubelet.host, port: wanted.port }, wanted.scheme);
}

function addressBackend(
  { parts }: ResourceRequest,
  address: ProxyAddress,
  scheme: 'http' | 'https',
): Backend {
  if (address.port !== '' && !/^\d{1,5}$/.test(address.port))
    throw new StatusError('BadRequest', `the port ${JSON.stringify(address.port)} is not a number`);
  const secure = scheme === 'https';
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return {
    secure,
    host: address.port === '' ? host : `${host}:${address.port}`,
    options: podOptions(address, secure, parts.dialPod),
  };
}

async function passOn(exchange: Exchange, response: IncomingMessage, place: ProxiedPlace): Promise<void> {
  const headers = responseHeaders(response.headersDistinct);
  const [location] = headers['location'] ?? [];
  if (location !== undefined) headers['location'] = [rewriteUrl(location, place)];
  const status = response.statusCode ?? 502;
  if (exchange.method === 'HEAD' || status === 204 || status === 304) {
    response.resume();
    exchange.respond(status, headers);
    return;
  }
  const content = location === undefined ? rewritten(response, headers, place) : response;
  await streamBody(exchange, status, headers, content);
  response.destroy();
}

/** Passes an answer on as it is. */
export async function passThrough(exchange: Exchange, response: IncomingMessage): Promise<void> {
  const headers = responseHeaders(response.headersDistinct);
  const status = response.statusCode ?? 502;
  if (exchange.method === 'HEAD' || status === 204 || status === 304) {
    response.resume();
    exchange.respond(status, headers);
    return;
  }
  await streamBody(exchange, status, headers, response);
  response.destroy();
}

async function streamBody(
  exchange: Exchange,
  status: number,
  headers: Record<string, string[]>,
  content: Readable,
): Promise<void> {
  const stream = exchange.stream(status, headers);
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      if (!stream.write(chunk)) await stream.drained();
      if (exchange.signal.aborted) return;
    }
    stream.end();
  } catch (error) {
    // What has begun cannot be made an error any more: the client sees a body that breaks off.
    if (!exchange.signal.aborted) exchange.abort();
    if (!(error instanceof Error)) throw error;
  }
}

/** A page of HTML with its links led through the proxy; everything else as it is. Changes the headers accordingly. */
function rewritten(
  response: IncomingMessage,
  headers: Record<string, string[]>,
  place: ProxiedPlace,
): Readable {
  const type = headers['content-type']?.[0]?.split(';')[0]?.trim().toLowerCase();
  const codec = contentCodec(headers['content-encoding']?.[0]);
  if (type !== 'text/html' || codec === undefined) return response;
  delete headers['content-length'];
  const steps: Duplex[] = [
    codec.decode?.(),
    linkRewriter((url) => rewriteUrl(url, place)),
    codec.encode?.(),
  ].filter((step) => step !== undefined);
  // The error reaches whoever reads the last step.
  return pipeline([response, ...steps], () => undefined) as unknown as Readable;
}

interface ContentCodec {
  readonly decode?: () => Duplex;
  readonly encode?: () => Duplex;
}

/** Undefined for an encoding that is not understood here: such a page is passed on as it is. */
function contentCodec(encoding: string | undefined): ContentCodec | undefined {
  switch (encoding?.toLowerCase()) {
    case undefined:
    case 'identity':
      return {};
    case 'gzip':
      return { decode: createGunzip, encode: () => createGzip({ level: constants.Z_BEST_SPEED }) };
    case 'deflate':
      return { decode: createInflate, encode: createDeflate };
    default:
      return undefined;
  }
}
