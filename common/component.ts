/**
 * What every Knarr process shares: flags, signals, the health and metrics endpoint, exit codes.
 *
 * A `main.ts` calls {@link runComponent} with the Kubernetes name of its flags and a `run` function; nothing
 * else in a component reads argv, the environment, or exits.
 */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { Command } from 'commander';
import { Registry } from 'prom-client';
import { healthObserverOf, registerProcessMetrics } from './component-metrics.js';
import type { HealthChecks, HealthObserver } from './health-checks.js';
import { answerHealth } from './health-checks.js';
import { createLogger } from './log.js';
import type { Logger, LogLevel } from './log.js';
import { exitCodes, UsageError } from './usage-error.js';

export { exitCodes, UsageError };

export interface ComponentContext {
  readonly log: Logger;
  /** Aborts on SIGTERM and SIGINT: stop accepting work, finish what is under way, return. */
  readonly signal: AbortSignal;
  readonly metrics: Registry;
}

export interface ComponentDefinition<Flags> {
  /** The process's name in logs and `knarr status`: apiserver, scheduler, kubelet, … */
  readonly name: string;
  readonly description: string;
  /** Declares the flags with the names that the same Kubernetes component uses. */
  flags(command: Command): Command;
  /** Runs until `context.signal` aborts; a rejection ends the process with exit code 1. */
  run(flags: Flags, context: ComponentContext): Promise<void>;
}

/** Parses argv, runs the component and exits. The one call of a `main.ts`. */
export async function runComponent<Flags>(definition: ComponentDefinition<Flags>): Promise<never> {
  const command = definition
    .flags(new Command(definition.name).description(definition.description))
    .option('--log-level <level>', 'debug, info, warn, error or silent', 'info')
    .exitOverride((error) => {
      process.exit(error.exitCode === 0 ? exitCodes.ok : exitCodes.usage);
    })
    .parse(process.argv);
  const flags = command.opts<Flags & { logLevel: LogLevel }>();
  const log = createLogger(definition.name, flags.logLevel);
  const abort = new AbortController();
  const metrics = new Registry();
  registerProcessMetrics(metrics);
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      log.info('stopping', { signal: name });
      abort.abort(new Error(`received ${name}`));
    });
  }
  process.on('unhandledRejection', (reason) => {
    log.error('a promise was rejected that nobody awaited', { err: reason });
    process.exit(exitCodes.failed);
  });
  try {
    await definition.run(flags, { log, signal: abort.signal, metrics });
    process.exit(exitCodes.ok);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`${definition.name}: ${error.message}\n`);
      process.exit(exitCodes.usage);
    }
    log.error('ended by an error', { err: error });
    process.exit(exitCodes.failed);
  }
}

export interface HealthServerOptions {
  readonly host: string;
  readonly port: number;
  readonly metrics: Registry;
  /** Checks behind /readyz; /healthz and /livez answer as long as the process does. */
  readonly ready: HealthChecks;
  /** With a certificate the endpoint speaks TLS, as the secure ports of Kubernetes components do. */
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Serves /healthz, /livez, /readyz, each check of them by name, and /metrics. Close the returned server to stop. */
export async function serveHealth(options: HealthServerOptions): Promise<Server> {
  const observe = healthObserverOf(options.metrics);
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    void respondHealth(request, response, options, observe);
  };
  const server =
    options.tls === undefined ? createHttpServer(answer) : createHttpsServer(options.tls, answer);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        error.code === 'EADDRINUSE'
          ? new UsageError(
              `port ${String(options.port)} is in use: end the process that holds it, or choose another port`,
            )
          : error,
      );
    });
    server.listen(options.port, options.host, resolve);
  });
  return server;
}

async function respondHealth(
  request: IncomingMessage,
  response: ServerResponse,
  options: HealthServerOptions,
  observe: HealthObserver,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/metrics') {
    response.setHeader('content-type', options.metrics.contentType);
    response.end(await options.metrics.metrics());
    return;
  }
  const checksOf = (endpoint: string): HealthChecks => (endpoint === 'readyz' ? options.ready : {});
  const answer = await answerHealth(url.pathname, url.searchParams, checksOf, observe);
  if (answer === undefined) {
    response.writeHead(404, { 'content-type': 'text/plain' }).end('404 page not found\n');
    return;
  }
  response.writeHead(answer.status, { 'content-type': 'text/plain; charset=utf-8' }).end(answer.text);
}
