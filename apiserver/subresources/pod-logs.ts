/** GET pods/log: the kubelet's stream, passed on as it comes. */
import type { IncomingMessage } from 'node:http';
import { StatusError, statusReasons } from '../../api/status-error.js';
import type { StatusReason } from '../../api/status-error.js';
import type { Exchange } from '../http/exchange.js';
import type { Handler } from '../handlers/context.js';
import { readInteger } from '../handlers/request-options.js';
import { chooseContainer, locatePod } from './pod-location.js';

const passedOn = [
  'follow',
  'previous',
  'sinceSeconds',
  'sinceTime',
  'timestamps',
  'tailLines',
  'limitBytes',
  'stream',
];
const maxErrorBytes = 64 * 1024;

export const handlePodLogs: Handler = async (request) => {
  const { exchange, parts } = request;
  checkOptions(exchange);
  const { pod, node } = await locatePod(request);
  const container = chooseContainer(pod, exchange.query.get('container') ?? '');
  const query = new URLSearchParams();
  for (const name of passedOn) {
    const value = exchange.query.get(name);
    if (value !== null && value !== '') query.set(name, value);
  }
  const { namespace, name } = pod.metadata;
  const response = await parts.kubelets.get({
    node,
    method: 'GET',
    path: `/containerLogs/${encodeURIComponent(namespace)}/${encodeURIComponent(name)}/${encodeURIComponent(container)}?${query.toString()}`,
    signal: exchange.signal,
  });
  if (response.statusCode !== 200) throw await errorOf(response);
  await passOn(exchange, response);
};

function checkOptions(exchange: Exchange): void {
  for (const name of ['sinceSeconds', 'tailLines', 'limitBytes']) readInteger(exchange, name);
  if (exchange.query.has('sinceSeconds') && exchange.query.has('sinceTime'))
    throw new StatusError(
      'Invalid',
      'PodLogOptions "" is invalid: sinceSeconds: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified',
    );
}

async function passOn(exchange: Exchange, response: IncomingMessage): Promise<void> {
  const stream = exchange.stream(200, { 'content-type': 'text/plain' });
  const stop = (): void => {
    response.destroy();
  };
  exchange.signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      if (!stream.write(chunk)) await stream.drained();
      if (exchange.signal.aborted) return;
    }
  } catch (error) {
    // The client went, and so did the connection to the kubelet: that is how a `logs -f` ends.
    if (!exchange.signal.aborted) throw error;
  } finally {
    exchange.signal.removeEventListener('abort', stop);
    stream.end();
  }
}

/** The kubelet explains itself in plain text; the client gets it as a Status with the same code. */
async function errorOf(response: IncomingMessage): Promise<StatusError> {
  let text = '';
  for await (const chunk of response as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.length > maxErrorBytes) break;
  }
  const code = response.statusCode ?? 500;
  const reasons = Object.entries(statusReasons) as [StatusReason, number][];
  const reason = reasons.find(([, reasonCode]) => reasonCode === code)?.[0] ?? 'InternalError';
  return new StatusError(reason, text.trim() === '' ? `the kubelet answered ${code}` : text.trim(), { code });
}
