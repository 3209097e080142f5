/** A real API server in this process, on a store in memory, with clients: raw HTTPS and the real kubectl. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ApiServer, ApiServerOptions } from '../../apiserver/server.js';
import { startApiServer } from '../../apiserver/server.js';
import { openStore } from '../../apiserver/storage/backends/registry.js';
import { RecentObjects } from '../../apiserver/storage/recent-objects.js';
import type { Store } from '../../apiserver/storage/store.js';
import type { LogFields, Logger } from '../../common/log.js';
import { deepFreeze } from './deep-freeze.js';
import type { TestPki } from './pki.js';
import { testPki } from './pki.js';
import { testTokenOptions } from './signing-key.js';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The body as JSON; typed loosely because tests look at a few fields each. */
  readonly json: JsonObject;
}

/** Any JSON, seen as an object so that tests can walk into it; `textOf` and `listOf` read the leaves. */
export interface JsonObject {
  readonly [key: string]: JsonObject | undefined;
}

export function textOf(value: JsonObject | undefined): string {
  return value === undefined ? '' : (value as unknown as string);
}

export function listOf(value: JsonObject | undefined): readonly JsonObject[] {
  return value === undefined ? [] : (value as unknown as readonly JsonObject[]);
}

export interface RequestOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Without a client certificate. */
  readonly anonymous?: boolean;
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** One line of a watch. */
export interface WatchLine {
  readonly type: string;
  readonly object: JsonObject;
}

export interface WatchConnection {
  readonly lines: readonly WatchLine[];
  readonly ended: boolean;
  /** Resolves with the lines once `enough` holds of them; rejects after ten seconds. */
  readonly until: (enough: (lines: readonly WatchLine[]) => boolean) => Promise<readonly WatchLine[]>;
  readonly close: () => void;
}

export interface ApiServerFixture {
  readonly server: ApiServer;
  readonly store: Store;
  readonly pki: TestPki;
  readonly url: string;
  readonly kubeconfig: string;
  /** Errors that the server logged; a test that expects none checks that it is empty. */
  readonly errors: readonly { readonly message: string; readonly fields: LogFields | undefined }[];
  readonly request: (
    method: string,
    path: string,
    body?: unknown,
    options?: RequestOptions,
  ) => Promise<Answer>;
  readonly watch: (path: string, headers?: Readonly<Record<string, string>>) => WatchConnection;
  readonly kubectl: (binary: string, args: readonly string[], stdin?: string) => Promise<CommandResult>;
  readonly stop: () => Promise<void>;
}

/** What is shared between requests must not be changed by one of them. */
class FrozenObjects extends RecentObjects {
  override set(...[key, revision, object, bytes]: Parameters<RecentObjects['set']>): void {
    super.set(key, revision, deepFreeze(object), bytes);
  }
}

export async function startFixture(
  options: Partial<ApiServerOptions> & { readonly keepStore?: boolean } = {},
): Promise<ApiServerFixture> {
  const folder = await mkdtemp(join(tmpdir(), 'knarr-apiserver-'));
  const pki = await testPki(join(folder, 'pki'));
  const errors: { message: string; fields: LogFields | undefined }[] = [];
  const store = options.store ?? (await openStore({ backend: 'memory' }));
  const { certificate: cert, privateKey: key } = pki.pair('apiserver');
  const kubelet = pki.pair('apiserver-kubelet-client');
  const server = await startApiServer({
    host: '127.0.0.1',
    port: 0,
    advertiseAddress: '192.0.2.1',
    tls: { cert, key, clientCa: pki.authority },
    kubelet: { ca: pki.authority, cert: kubelet.certificate, key: kubelet.privateKey },
    store,
    recent: new FrozenObjects(),
    serviceClusterIpRange: '10.96.0.0/12',
    serviceNodePortRange: '30000-32767',
    eventTtlSeconds: 3600,
    serviceAccountTokens: await testTokenOptions(),
    // There is no controller that makes service accounts; a test that wants the plugin makes them.
    disabledAdmissionPlugins: ['ServiceAccount'],
    log: recordingLogger(errors),
    ...options,
  });
  const url = `https://127.0.0.1:${server.port}`;
  const kubeconfig = await pki.kubeconfig('admin', url);
  const admin = pki.pair('admin');
  const sessions = {
    admin: session(url, pki, { cert: admin.certificate, key: admin.privateKey }),
    anonymous: session(url, pki, {}),
  };
  return {
    server,
    store,
    pki,
    url,
    kubeconfig,
    errors,
    request: (method, path, body, { headers = {}, anonymous = false } = {}) =>
      send(anonymous ? sessions.anonymous : sessions.admin, method, path, body, headers),
    watch: (path, headers = {}) => openWatch(sessions.admin, path, headers),
    kubectl: (binary, args, stdin) =>
      runCommand(binary, ['--kubeconfig', kubeconfig, ...args], folder, stdin),
    stop: async () => {
      sessions.admin.destroy();
      sessions.anonymous.destroy();
      await server.stop();
      if (options.keepStore !== true) await store.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function session(url: string, pki: TestPki, identity: { cert?: string; key?: string }): ClientHttp2Session {
  const opened = connect(url, { ca: pki.authority, ...identity });
  // A session that the server ends at its stop is expected; requests on it fail by themselves.
  opened.on('error', () => undefined);
  return opened;
}

async function send(
  on: ClientHttp2Session,
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Answer> {
  const stream = on.request(
    {
      ':method': method,
      ':path': path,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    { endStream: body === undefined },
  );
  const answered = new Promise<IncomingHttpHeaders & { ':status'?: number }>((resolve, reject) => {
    stream.once('response', resolve);
    stream.once('error', reject);
  });
  if (body !== undefined) stream.end(typeof body === 'string' ? body : JSON.stringify(body));
  const received = await answered;
  let text = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream as AsyncIterable<string>) text += chunk;
  return {
    status: received[':status'] ?? 0,
    headers: received,
    text,
    get json() {
      return JSON.parse(text) as JsonObject;
    },
  };
}

function openWatch(
  on: ClientHttp2Session,
  path: string,
  headers: Readonly<Record<string, string>>,
): WatchConnection {
  const stream: ClientHttp2Stream = on.request({ ':method': 'GET', ':path': path, ...headers });
  const lines: WatchLine[] = [];
  const waiting = new Set<() => void>();
  let ended = false;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((part) => JSON.parse(part) as WatchLine));
    for (const look of waiting) look();
  });
  stream.on('error', () => undefined);
  stream.on('close', () => {
    ended = true;
    for (const look of waiting) look();
  });
  return {
    lines,
    get ended() {
      return ended;
    },
    until: (enough) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiting.delete(look);
          reject(new Error(`the watch did not see what was expected: ${JSON.stringify(lines)}`));
        }, 10_000);
        const look = (): void => {
          if (!enough(lines)) return;
          clearTimeout(timer);
          waiting.delete(look);
          resolve(lines);
        };
        waiting.add(look);
        look();
      }),
    close: () => {
      stream.close();
    },
  };
}

function runCommand(
  binary: string,
  args: readonly string[],
  home: string,
  stdin: string | undefined,
): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, args, { env: { HOME: home, PATH: '/usr/bin:/bin', KUBE_EDITOR: 'true' } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (stdout += chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code: code ?? -1, stdout, stderr });
    });
    child.stdin.end(stdin);
  });
}

function recordingLogger(errors: { message: string; fields: LogFields | undefined }[]): Logger {
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: (message, fields) => {
      errors.push({ message, fields });
    },
    child: () => logger,
  };
  return logger;
}
