/** One check of a container: a command in it, an HTTP request to it, or a TCP connection. */
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import type { Container, HTTPGetAction, ProbeHandler, TCPSocketAction } from '../../api/generated/core-v1.js';
import { isCriError } from '../cri/runtime.js';
import type { ContainerRuntime } from '../cri/runtime.js';

export interface CheckTarget {
  readonly runtime: ContainerRuntime;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
}

export interface CheckResult {
  readonly ok: boolean;
  /** What was seen, for the Event. */
  readonly output: string;
}

/** How much of a command's or page's output an Event shows. */
const maxOutput = 10 * 1024;

/** Never rejects: what goes wrong is a failed check. */
export async function runCheck(
  handler: ProbeHandler,
  target: CheckTarget,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  try {
    if (handler.exec !== undefined)
      return await checkCommand(handler.exec.command ?? [], target, timeoutSeconds, signal);
    if (handler.httpGet !== undefined)
      return await checkHttp(handler.httpGet, target, timeoutSeconds, signal);
    if (handler.tcpSocket !== undefined)
      return await checkTcp(handler.tcpSocket, target, timeoutSeconds, signal);
    return { ok: false, output: 'gRPC probes are not supported by this kubelet yet' };
  } catch (error) {
    return { ok: false, output: error instanceof Error ? error.message : String(error) };
  }
}

async function checkCommand(
  command: readonly string[],
  { runtime, containerId }: CheckTarget,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  try {
    const { stdout, stderr, exitCode } = await runtime.execSync(containerId, command, timeoutSeconds, signal);
    return { ok: exitCode === 0, output: (stdout + stderr).slice(0, maxOutput) };
  } catch (error) {
    if (isCriError(error, 'deadline-exceeded'))
      return {
        ok: false,
        output: `command timed out: "${command.join(' ')}" timed out after ${timeoutSeconds}s`,
      };
    throw error;
  }
}

export async function checkHttp(
  action: HTTPGetAction,
  target: CheckTarget,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const secure = action.scheme === 'HTTPS';
  // Probes over TLS are rare: the module is loaded by the first one.
  const send = secure ? (await import('node:https')).request : httpRequest;
  const host = action.host === undefined || action.host === '' ? target.podIp : action.host;
  const headers: Record<string, string> = {
    'User-Agent': 'kube-probe/1.35',
    Accept: '*/*',
    Connection: 'close',
  };
  for (const { name, value } of action.httpHeaders ?? []) headers[name] = value;
  const path = action.path === undefined || action.path === '' ? '/' : action.path;
  const options = {
    host,
    port: resolvePort(action.port, target.container),
    path: path.startsWith('/') ? path : `/${path}`,
    headers,
    agent: false as const,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutSeconds * 1000)]),
    ...(secure ? { rejectUnauthorized: false } : {}),
  };
  return new Promise((resolve, reject) => {
    const request = send(options, (response) => {
      const status = response.statusCode ?? 0;
      response.destroy();
      const ok = status >= 200 && status < 400;
      resolve({ ok, output: ok ? '' : `HTTP probe failed with statuscode: ${status}` });
    });
    request.once('error', (error) => {
      reject(error.name === 'AbortError' ? new Error(`no answer within ${timeoutSeconds}s`) : error);
    });
    request.end();
  });
}

export function checkTcp(
  action: TCPSocketAction,
  target: CheckTarget,
  timeoutSeconds: number,
  signal: AbortSignal,
): Promise<CheckResult> {
  const host = action.host === undefined || action.host === '' ? target.podIp : action.host;
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: resolvePort(action.port, target.container), signal });
    socket.setTimeout(timeoutSeconds * 1000, () => {
      socket.destroy(new Error(`no connection within ${timeoutSeconds}s`));
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve({ ok: true, output: '' });
    });
    socket.once('error', reject);
  });
}

/** A port by number, or by its name in the container. Throws when there is none of that name. */
function resolvePort(port: number | string, container: Container): number {
  if (typeof port === 'number') return port;
  if (/^\d+$/.test(port)) return Number(port);
  const found = container.ports?.find(({ name }) => name === port)?.containerPort;
  if (found === undefined) throw new Error(`the container ${container.name} has no port named ${port}`);
  return found;
}
