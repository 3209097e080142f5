/** One HTTP request to a container, with the redirects that stay on its host. */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Container, HTTPGetAction } from '../../api/generated/core-v1.js';
import { Deadline } from '../../common/deadline.js';
import { failed, passed } from './check.js';
import type { CheckResult, CheckTarget } from './check.js';
import { resolvePort } from './resolve-port.js';

const maxRedirects = 10;
const redirectCodes: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/** Rejects when there is no answer in time. What is not 2xx or 3xx is a failed check. */
export async function checkHttp(
  action: HTTPGetAction,
  { podIp, container, clock }: Pick<CheckTarget, 'podIp' | 'container' | 'clock'>,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const within = new Deadline(clock, timeoutSeconds * 1000, signal);
  try {
    const first = urlOf(action, podIp, container);
    let url = first;
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const { status, location } = await ask(url, action, within.signal, timeoutSeconds);
      if (status < 200 || status >= 400) return failed(`HTTP probe failed with statuscode: ${status}`);
      if (location === undefined || !redirectCodes.has(status)) return passed;
      const next = new URL(location, url);
      if (next.hostname !== first.hostname)
        return { outcome: 'warning', output: `Probe terminated redirects, Location: ${location}` };
      url = next;
    }
    return failed(`stopped after ${maxRedirects} redirects`);
  } finally {
    within.clear();
  }
}

function urlOf(action: HTTPGetAction, podIp: string, container: Container): URL {
  const wanted = action.host === undefined || action.host === '' ? podIp : action.host;
  const host = wanted.includes(':') && !wanted.startsWith('[') ? `[${wanted}]` : wanted;
  const path = action.path === undefined || action.path === '' ? '/' : action.path;
  const scheme = action.scheme === 'HTTPS' ? 'https' : 'http';
  const port = resolvePort(action.port, container);
  return new URL(`${scheme}://${host}:${port}${path.startsWith('/') ? path : `/${path}`}`);
}

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
}

async function ask(
  url: URL,
  action: HTTPGetAction,
  signal: AbortSignal,
  timeoutSeconds: number,
): Promise<Answer> {
  const headers: Record<string, string> = {
    'User-Agent': 'kube-probe/1.35',
    Accept: '*/*',
    Connection: 'close',
  };
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const secure = url.protocol === 'https:';
  // Probes over TLS are rare: the module is loaded by the first one. Nobody signs the certificate of a pod.
  const send = secure ? (await import('node:https')).request : httpRequest;
  const options = {
    headers,
    agent: false as const,
    signal,
    ...(secure ? { rejectUnauthorized: false } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = send(url, options, (response: IncomingMessage) => {
      const { statusCode = 0, headers: answered } = response;
      response.destroy();
      resolve({ status: statusCode, location: answered.location });
    });
    request.once('error', (error) => {
      reject(error.name === 'AbortError' ? new Error(`no answer within ${timeoutSeconds}s`) : error);
    });
    request.end();
  });
}
