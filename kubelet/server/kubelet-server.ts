/**
 * The kubelet's HTTPS server, for the apiserver: Pods, logs, exec, attach, port forwarding, metrics.
 *
 * Everything but /healthz needs a client certificate of the cluster's CA whose organization is `system:masters`: who
 * may use it can run commands in every container of this node.
 */
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { encodeStartupReport } from '../../api/startup-report.js';
import type { StartupReport } from '../../api/startup-report.js';
import { UsageError } from '../../common/component.js';
import type { Logger } from '../../common/log.js';
import { encodeConfiguration } from '../config/decode-configuration.js';
import type { KubeletConfiguration } from '../config/kubelet-configuration.js';
import type { ContainerRuntime } from '../cri/runtime.js';
import { measurementAt } from './serve-measurements.js';
import type { MeasurementSources } from './serve-measurements.js';
import { runningPods } from './running-pods.js';
import { serveContainerLogs } from './serve-container-logs.js';
import { HttpError } from './pod-lookup.js';
import type { PodLookup } from './pod-lookup.js';
import { serveCommandStream, servePortForward } from '../streams/serve-stream.js';
import { answerUpgrade } from '../streams/stream-tunnel.js';

export interface KubeletServerOptions extends MeasurementSources {
  readonly configuration: KubeletConfiguration;
  readonly cert: string;
  readonly key: string;
  readonly clientCa: string;
  readonly lookup: PodLookup;
  readonly runtime: ContainerRuntime;
  readonly startup: (withHistory: boolean) => StartupReport;
}

export interface KubeletServer {
  readonly port: number;
  /** Resolves when nothing is served any more; connections under way are cut. */
  close(): Promise<void>;
}

/** Rejects with UsageError when the port is taken. */
export async function startKubeletServer(options: KubeletServerOptions): Promise<KubeletServer> {
  const { cert, key, clientCa, log, configuration } = options;
  const minVersion = configuration.tlsMinVersion === 'VersionTLS13' ? 'TLSv1.3' : 'TLSv1.2';
  const server = createServer({
    ...{ cert, key, ca: clientCa, minVersion },
    requestCert: true,
    rejectUnauthorized: false,
  });
  const upgraded = new Set<Duplex>();
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const ended = options.kubeletMetrics.requested(
      request.method ?? 'GET',
      routeOf(request.url ?? '/'),
      (request.url ?? '').includes('follow=true'),
    );
    response.once('close', ended);
    respond(options, request, response).catch((error: unknown) => {
      refuse(response, error, log);
    });
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    upgraded.add(socket);
    const ended = options.kubeletMetrics.requested(
      request.method ?? 'GET',
      routeOf(request.url ?? '/'),
      true,
    );
    socket.once('close', () => {
      ended();
      upgraded.delete(socket);
    });
    upgrade(options, request, socket, head).catch((error: unknown) => {
      const status = error instanceof HttpError ? error.status : 500;
      if (status === 500) log.warn('a stream could not be opened', { err: error });
      answerUpgrade(socket, status, error instanceof Error ? error.message : String(error));
    });
  });
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
        for (const socket of upgraded) socket.destroy();
      }),
  };
}

function listen(server: Server, { configuration }: KubeletServerOptions): Promise<void> {
  const { address: host, port } = configuration;
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const taken = `port ${port} is in use: end the process that holds it, or choose another with --port`;
      reject(error.code === 'EADDRINUSE' ? new UsageError(taken) : error);
    });
    server.listen(port, host, resolve);
  });
}

/** Throws {@link HttpError} unless the client may use this server. */
function authorize(socket: unknown): void {
  if (!(socket instanceof TLSSocket) || !socket.authorized) throw new HttpError(401, 'Unauthorized');
  // An organization that occurs several times is a list; the type description knows only one.
  const organizations: unknown = socket.getPeerCertificate().subject.O;
  const isMember = Array.isArray(organizations)
    ? organizations.includes('system:masters')
    : organizations === 'system:masters';
  if (!isMember) throw new HttpError(403, 'Forbidden: the client is not in the group system:masters');
}

const routes = [
  'attach',
  'configz',
  'containerLogs',
  'exec',
  'healthz',
  'logs',
  'pods',
  'portForward',
  'runningpods',
  'startup',
];

/** The part of a path that says what is asked for, from a bounded set: it is the label of a metric. */
function routeOf(url: string): string {
  const [path = ''] = url.slice(1).split('?');
  if (/^(?:metrics(?:\/(?:cadvisor|probes|resource))?|stats\/summary)$/.test(path)) return path;
  return routes.find((route) => route === path.split('/')[0]) ?? 'other';
}

/** Logs, exec, attach and port-forward can be switched off as a whole. */
function checkDebugging({ enableDebuggingHandlers }: KubeletConfiguration): void {
  if (!enableDebuggingHandlers)
    throw new HttpError(405, 'Debug endpoints are disabled: enableDebuggingHandlers is false on this node.');
}

async function respond(
  options: KubeletServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const [first = '', ...rest] = url.pathname.split('/').slice(1).map(decodeURIComponent);
  if (first === 'healthz') {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end('ok');
    return;
  }
  authorize(request.socket);
  switch (first) {
    case 'runningpods': {
      const { runtime } = options;
      const there = await Promise.all([runtime.listPodSandboxes(), runtime.listContainers()]);
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(runningPods(...there)));
      return;
    }
    case 'pods': {
      const list = { kind: 'PodList', apiVersion: 'v1', metadata: {}, items: options.lookup.pods() };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(list));
      return;
    }
    case 'configz': {
      const configuration = { kubeletconfig: encodeConfiguration(options.configuration) };
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(configuration));
      return;
    }
    case 'startup': {
      const report = options.startup(url.searchParams.get('history') === 'true');
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(encodeStartupReport(report)));
      return;
    }
    case 'metrics':
    case 'stats': {
      const measurement = await measurementAt(url.pathname, url.searchParams, options);
      if (measurement === undefined) throw new HttpError(404, '404 page not found');
      response.setHeader('content-type', measurement.contentType);
      response.end(measurement.body);
      return;
    }
    case 'logs':
      throw new HttpError(
        404,
        'files of /var/log are not served: use kubectl logs, or read them on the node',
      );
    case 'containerLogs':
      checkDebugging(options.configuration);
      await serveContainerLogs(options.lookup, rest, url.searchParams, response);
      return;
    case 'exec':
    case 'attach':
    case 'portForward':
      throw new HttpError(400, `${first} needs an upgraded connection (SPDY/3.1 or WebSocket)`);
    default:
      throw new HttpError(404, '404 page not found');
  }
}

function refuse(response: ServerResponse, error: unknown, log: Logger): void {
  const status = error instanceof HttpError ? error.status : 500;
  if (status === 500) log.warn('a request to the kubelet failed', { err: error });
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const message = error instanceof Error ? error.message : String(error);
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}

async function upgrade(
  options: KubeletServerOptions,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  authorize(request.socket);
  checkDebugging(options.configuration);
  const { lookup, runtime, configuration } = options;
  const { streamingConnectionIdleTimeoutMs: idleTimeoutMs } = configuration;
  const url = new URL(request.url ?? '/', 'https://kubelet');
  const [verb = '', namespace = '', name = '', ...rest] = url.pathname
    .split('/')
    .slice(1)
    .map(decodeURIComponent);
  const query = url.searchParams;
  if (verb === 'portForward') {
    const sandboxId = await lookup.sandboxId(namespace, name);
    const ports = query.getAll('port').flatMap((list) => list.split(',').map(Number));
    const target = await runtime.portForward(sandboxId, ports);
    await servePortForward({ request, socket, head, target, idleTimeoutMs });
    return;
  }
  if (verb !== 'exec' && verb !== 'attach') throw new HttpError(404, '404 page not found');
  // The container is the last part; a uid may stand before it.
  const containerId = await lookup.runningContainerId(namespace, name, rest.at(-1) ?? '');
  const isSet = (...names: string[]): boolean =>
    names.some((one) => ['1', 'true'].includes(query.get(one) ?? ''));
  const tty = isSet('tty');
  const stream = {
    containerId,
    stdin: isSet('input', 'stdin'),
    stdout: isSet('output', 'stdout'),
    // A terminal has one output only.
    stderr: isSet('error', 'stderr') && !tty,
    tty,
  };
  const target =
    verb === 'exec'
      ? await runtime.exec({ ...stream, command: query.getAll('command') })
      : await runtime.attach(stream);
  await serveCommandStream({ request, socket, head, target, idleTimeoutMs }, stream);
}
