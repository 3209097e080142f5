/**
 * How `knarr` talks to the supervisor: HTTP with JSON on a Unix socket that only root can open. The bound socket is
 * also what says that a supervisor is there, so there is never a second one on a run folder.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import type { Server } from 'node:http';
import type { ProcessStatus } from './supervise.js';

export interface SupervisorStatus {
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly processes: readonly ProcessStatus[];
}

export interface SupervisorActions {
  status(): SupervisorStatus;
  /** Starts what was held back. */
  release(): void;
  /** Restarts now what waits to be restarted, and starts what was held back. */
  retryNow(): void;
  /** Ends the supervisor; what it runs keeps running. */
  leave(): void;
}

/** Serves the actions. Rejects when another supervisor answers on the socket; a dead one's socket is replaced. */
export async function serveControl(socket: string, actions: SupervisorActions): Promise<Server> {
  if ((await askSupervisor(socket)) !== undefined)
    throw new Error(`a supervisor already listens on ${socket}`);
  rmSync(socket, { force: true });
  const server = createServer((request, response) => {
    const route = `${request.method ?? ''} ${request.url ?? ''}`;
    if (route === 'GET /status') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(actions.status()));
    } else if (route === 'POST /retry') {
      actions.retryNow();
      response.end('{}');
    } else if (route === 'POST /release') {
      actions.release();
      response.end('{}');
    } else if (route === 'POST /leave') {
      response.end('{}', () => {
        actions.leave();
      });
    } else {
      response.writeHead(404).end(`there is no ${route}\n`);
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socket, resolve);
  });
  chmodSync(socket, 0o600);
  return server;
}

/** The supervisor's status, or undefined when none listens. */
export async function askSupervisor(socket: string): Promise<SupervisorStatus | undefined> {
  const text = await call(socket, 'GET', '/status');
  return text === undefined ? undefined : (JSON.parse(text) as SupervisorStatus);
}

/** False when no supervisor listens. */
export async function tellSupervisor(
  socket: string,
  action: 'retry' | 'release' | 'leave',
): Promise<boolean> {
  return (await call(socket, 'POST', `/${action}`)) !== undefined;
}

function call(socketPath: string, method: string, path: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ socketPath, method, path, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => (text += chunk));
      response.on('end', () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`the supervisor answers ${String(response.statusCode)}: ${text}`));
      });
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error('the supervisor does not answer')));
    outgoing.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(error);
    });
    outgoing.end();
  });
}
