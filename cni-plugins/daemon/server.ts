/** The Unix socket behind the launcher scripts: one connection is one call of a plugin. */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { UsageError } from '../../common/component.js';
import type { Logger } from '../../common/log.js';
import { failedOutcome, runPlugin } from '../lib/run-plugin.js';
import type { Outcome } from '../lib/run-plugin.js';
import { CniError, errorCodes } from '../lib/spec.js';
import type { Plugin } from '../lib/spec.js';
import { formatAnswer, parseRequest } from './protocol.js';

/** A configuration with a long prevResult has a few kilobytes. */
const maxRequestBytes = 1024 * 1024;
/** More callers than this at the same time are turned away and see "try again later". */
const maxConnections = 256;
const idleTimeoutMs = 30_000;

export interface PluginServerOptions {
  readonly socketPath: string;
  readonly plugins: ReadonlyMap<string, Plugin>;
  readonly log: Logger;
}

/** Serves until `signal` aborts, then finishes the calls under way. */
export async function servePlugins(options: PluginServerOptions, signal: AbortSignal): Promise<void> {
  await removeStaleSocket(options.socketPath);
  const underWay = new Set<Promise<void>>();
  const server = createServer({ allowHalfOpen: true }, (connection) => {
    const call = serveConnection(connection, options).finally(() => underWay.delete(call));
    underWay.add(call);
  });
  server.maxConnections = maxConnections;
  await listen(server, options.socketPath);
  options.log.info('serving CNI calls', { socket: options.socketPath });
  if (!signal.aborted) await once(signal, 'abort');
  server.close();
  await Promise.all(underWay);
}

async function listen(server: Server, socketPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(socketPath, resolve);
  });
}

/** Removes the socket of a daemon that was killed; refuses to take it from one that lives. */
async function removeStaleSocket(path: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => {
      resolve(false);
    });
  });
  if (answered) throw new UsageError(`another CNI daemon serves ${path}: end it, or choose another --socket`);
  rmSync(path, { force: true });
}

async function serveConnection(connection: Socket, options: PluginServerOptions): Promise<void> {
  connection.setTimeout(idleTimeoutMs, () => connection.destroy());
  // A caller that gave up while its call was under way. It will ask for a DEL, as after any failure.
  connection.on('error', (error) => {
    options.log.warn('a caller of the CNI daemon went away', { err: error });
  });
  try {
    const text = await readAll(connection);
    const outcome = await answer(text, options);
    connection.end(formatAnswer(outcome));
  } catch (error) {
    // The request could not be read: the caller learns of it from the missing answer.
    options.log.warn('a request to the CNI daemon could not be read', { err: error });
    connection.destroy();
  }
}

async function readAll(connection: Socket): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of connection.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxRequestBytes) throw new Error(`a request is longer than ${maxRequestBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function answer(text: string, options: PluginServerOptions): Promise<Outcome> {
  let outcome: Outcome;
  let fields = {};
  try {
    const request = parseRequest(text);
    fields = {
      plugin: request.plugin,
      command: request.environment['CNI_COMMAND'],
      container: request.environment['CNI_CONTAINERID'],
    };
    const plugin = options.plugins.get(request.plugin);
    if (plugin === undefined) {
      throw new CniError(errorCodes.invalidEnvironment, `there is no plugin "${request.plugin}"`);
    }
    outcome = await runPlugin(plugin, request.environment, request.stdin);
  } catch (error) {
    outcome = failedOutcome(error);
  }
  if (outcome.error === undefined) options.log.debug('answered a CNI call', fields);
  else options.log.error('a CNI call failed', { ...fields, err: outcome.error });
  return outcome;
}
