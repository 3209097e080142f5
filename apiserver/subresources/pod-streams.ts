/**
 * pods/exec, pods/attach and pods/portforward: after the checks, a tunnel from the client to the kubelet.
 *
 * Neither SPDY/3.1 nor WebSocket is understood here: the client's upgrade request goes to the kubelet, and when that
 * agrees, bytes are passed both ways. A refusal is passed on, too: kubectl then tries its other protocol.
 */
import type { IncomingMessage } from 'node:http';
import { StatusError } from '../../api/status-error.js';
import type { Handler, ResourceRequest } from '../handlers/context.js';
import { chooseContainer, locatePod } from './pod-location.js';
import type { PodLocation } from './pod-location.js';
import { tunnel } from './tunnel.js';

/** Names of the kubelet's parameters by those of the API. */
const streamParameters: Readonly<Record<string, string>> = {
  stdin: 'input',
  stdout: 'output',
  stderr: 'error',
  tty: 'tty',
};

export const handlePodExec: Handler = async (request) => {
  const commands = request.exchange.query.getAll('command');
  if (commands.length === 0)
    throw new StatusError('BadRequest', 'you must specify at least one command for the container');
  await connect(request, (location) => containerPath(request, location, 'exec', commands));
};

export const handlePodAttach: Handler = (request) =>
  connect(request, (location) => containerPath(request, location, 'attach', []));

export const handlePodPortForward: Handler = (request) =>
  connect(request, ({ pod }) => {
    const { namespace, name } = pod.metadata;
    const query = new URLSearchParams();
    for (const ports of request.exchange.query.getAll('ports')) query.append('port', ports);
    const suffix = query.size === 0 ? '' : `?${query.toString()}`;
    return `/portForward/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}${suffix}`;
  });

function containerPath(
  { exchange }: ResourceRequest,
  { pod }: PodLocation,
  action: 'exec' | 'attach',
  commands: readonly string[],
): string {
  const container = chooseContainer(pod, exchange.query.get('container') ?? '');
  const query = new URLSearchParams();
  for (const command of commands) query.append('command', command);
  let streams = 0;
  for (const [from, to] of Object.entries(streamParameters)) {
    const value = exchange.query.get(from);
    if (value !== 'true' && value !== '1') continue;
    query.set(to, '1');
    if (from !== 'tty') streams++;
  }
  if (streams === 0)
    throw new StatusError('BadRequest', 'you must specify at least 1 of stdin, stdout, stderr');
  const { namespace, name } = pod.metadata;
  return `/${action}/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${encodeURIComponent(container)}?${query.toString()}`;
}

async function connect(request: ResourceRequest, pathFor: (location: PodLocation) => string): Promise<void> {
  const { exchange, upgrade, parts } = request;
  const location = await locatePod(request);
  const path = pathFor(location);
  if (upgrade === undefined) throw new StatusError('BadRequest', 'Upgrade request required');
  const answer = await parts.kubelets.upgrade({
    node: location.node,
    method: exchange.method,
    path,
    headers: headersToForward(upgrade.request),
    signal: exchange.signal,
  });
  if (answer.kind === 'refused') {
    await passRefusalOn(request, answer.response);
    return;
  }
  await tunnel(upgrade, answer, parts.stopping);
}

const forwarded =
  /^(connection|upgrade|sec-websocket-.*|x-stream-protocol-version|accept-encoding|user-agent)$/;

/** What belongs to the upgrade; never the client's own credentials. */
function headersToForward({ rawHeaders }: IncomingMessage): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? '').toLowerCase();
    if (forwarded.test(name)) (headers[name] ??= []).push(rawHeaders[at + 1] ?? '');
  }
  return headers;
}

async function passRefusalOn({ exchange }: ResourceRequest, response: IncomingMessage): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  exchange.respond(
    response.statusCode ?? 500,
    { 'content-type': response.headers['content-type'] ?? 'text/plain' },
    Buffer.concat(chunks),
  );
}
