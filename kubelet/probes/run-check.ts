/** One check of a container: a command in it, a request to it over HTTP or gRPC, or a TCP connection. */
import { connect } from 'node:net';
import type { ProbeHandler, TCPSocketAction } from '../../api/generated/core-v1.js';
import { isCriError } from '../cri/runtime.js';
import { checkHttp } from './check-http.js';
import { failed, passed } from './check.js';
import type { CheckResult, CheckTarget } from './check.js';
import { resolvePort } from './resolve-port.js';

/** How much of a command's or page's output an Event shows. */
const maxOutput = 10 * 1024;

/** Never rejects: what goes wrong is a result, too. */
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
    if (handler.grpc !== undefined) {
      const { checkGrpc } = await import('./check-grpc.js');
      return await checkGrpc(handler.grpc, target.podIp, timeoutSeconds, signal);
    }
    return failed('the probe names nothing to do: one of exec, httpGet, tcpSocket and grpc is needed');
  } catch (error) {
    const output = error instanceof Error ? error.message : String(error);
    // A runtime that cannot be asked says nothing about the container.
    return isCriError(error) ? { outcome: 'unknown', output } : failed(output);
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
    return { outcome: exitCode === 0 ? 'success' : 'failure', output: (stdout + stderr).slice(0, maxOutput) };
  } catch (error) {
    if (isCriError(error, 'deadline-exceeded'))
      return failed(`command timed out: "${command.join(' ')}" timed out after ${timeoutSeconds}s`);
    throw error;
  }
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
      resolve(passed);
    });
    socket.once('error', reject);
  });
}
