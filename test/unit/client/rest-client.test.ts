/** What the transport does when connections misbehave: a real TLS and HTTP/2 server that is told how to. */
import { createSecureServer } from 'node:http2';
import type { Http2SecureServer, ServerHttp2Session, ServerHttp2Stream } from 'node:http2';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { ConfigMap } from '../../../api/generated/core-v1.js';
import { configMaps } from '../../../api/resources.js';
import { isStatusError } from '../../../api/status-error.js';
import { createRestClient } from '../../../client/rest-client.js';
import type { RestClientOptions } from '../../../client/rest-client.js';
import type { ApiClient, WatchedEvent } from '../../../client/types.js';
import { testPki } from '../../support/pki.js';
import { eventually } from './eventually.js';

const folder = mkdtempSync(join(tmpdir(), 'knarr-rest-client-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});
const pki = await testPki(folder);

type Answer = (stream: ServerHttp2Stream, path: string) => void;

interface Rig {
  readonly client: ApiClient;
  readonly sessions: ServerHttp2Session[];
  readonly sockets: Socket[];
  port(): number;
  readonly paths: string[];
  answer: Answer;
  stop(): Promise<void>;
  listen(): Promise<void>;
  cut(): Promise<void>;
}

async function rig(answer: Answer, options: Partial<RestClientOptions> = {}): Promise<Rig> {
  const sessions: ServerHttp2Session[] = [];
  const sockets: Socket[] = [];
  const paths: string[] = [];
  const own = pki.pair('apiserver');
  let server: Http2SecureServer;
  let port = 0;
  const self: Omit<Rig, 'client'> & { client?: ApiClient } = {
    sessions,
    sockets,
    port: () => port,
    paths,
    answer,
    listen: async () => {
      server = createSecureServer({
        cert: own.certificate,
        key: own.privateKey,
        ca: pki.authority,
        requestCert: true,
      });
      server.on('session', (session) => sessions.push(session));
      server.on('connection', (socket: Socket) => sockets.push(socket));
      server.on('sessionError', () => undefined);
      server.on('stream', (stream, headers) => {
        stream.on('error', () => undefined);
        paths.push(headers[':path'] ?? '');
        self.answer(stream, headers[':path'] ?? '');
      });
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
      port = (server.address() as AddressInfo).port;
    },
    cut: async () => {
      sessions.length = 0;
      for (const socket of sockets.splice(0)) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
    stop: async () => {
      await self.client?.close();
      await self.cut();
    },
  };
  await self.listen();
  self.client = clientOf(port, options);
  return self as Rig;
}

function clientOf(port: number, options: Partial<RestClientOptions> = {}): ApiClient {
  const { certificate: cert, privateKey: key } = pki.pair('admin');
  const connection = { server: `https://127.0.0.1:${port}`, ca: pki.authority, cert, key };
  return createRestClient({ connection, userAgent: 'test', ...options });
}

const ok: Answer = (stream) => {
  stream.respond({ ':status': 200 });
  stream.end('ok');
};

async function reasonOf(action: Promise<unknown>): Promise<string> {
  try {
    await action;
    return 'none';
  } catch (error) {
    return isStatusError(error) ? error.reason : String(error);
  }
}

function watch(client: ApiClient, signal: AbortSignal): AsyncIterator<WatchedEvent<ConfigMap>> {
  return client.resource(configMaps).watch({ resourceVersion: '1', signal })[Symbol.asyncIterator]();
}

void t.test('one session carries many requests at once', async (t) => {
  const r = await rig(ok);
  await Promise.all(Array.from({ length: 50 }, () => r.client.raw('/readyz')));
  t.equal(r.sessions.length, 1);
  await r.stop();
});

void t.test('a server that is away is ServiceUnavailable, one that is back is found', async (t) => {
  const r = await rig(ok);
  await r.client.raw('/readyz');
  await r.cut();
  t.equal(await reasonOf(r.client.raw('/readyz')), 'ServiceUnavailable');
  await r.listen();
  t.equal(await r.client.raw('/readyz'), 'ok');
  await r.stop();
});

void t.test('a connection that breaks under a request is ServiceUnavailable', async (t) => {
  const r = await rig(() => r.sockets.at(-1)?.destroy());
  t.equal(await reasonOf(r.client.raw('/readyz')), 'ServiceUnavailable');
  r.answer = (stream) => {
    stream.respond({ ':status': 200, 'content-length': 100 });
    stream.write('half an ans');
    setImmediate(() => stream.session?.destroy());
  };
  t.equal(await reasonOf(r.client.raw('/readyz')), 'ServiceUnavailable', 'and half an answer is none');
  r.answer = (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('half an ans');
    setTimeout(() => r.sockets.at(-1)?.destroy(), 20);
  };
  t.equal(
    await reasonOf(r.client.raw('/readyz')),
    'ServiceUnavailable',
    'whether its length was told or not',
  );
  await r.stop();
});

void t.test('after GOAWAY what is under way may finish, what comes takes a new session', async (t) => {
  let finish: (() => void) | undefined;
  const r = await rig((stream) => {
    finish = () => {
      ok(stream, '');
    };
  });
  const first = r.client.raw('/slow');
  await eventually(() => finish !== undefined);
  r.sessions[0]?.goaway(0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  r.answer = ok;
  t.equal(await r.client.raw('/next'), 'ok');
  t.equal(r.sessions.length, 2);
  finish?.();
  t.equal(await first, 'ok');
  await r.stop();
});

void t.test('GOAWAY with an error ends the watches of that session, and the next one works', async (t) => {
  const r = await rig((stream) => {
    stream.respond({ ':status': 200 });
  });
  const abort = new AbortController();
  const event = watch(r.client, abort.signal).next();
  await eventually(() => r.paths.length === 1);
  r.sessions[0]?.goaway(2);
  setImmediate(() => r.sessions[0]?.destroy());
  t.equal(await reasonOf(event), 'ServiceUnavailable');
  r.answer = (stream) => {
    stream.respond({ ':status': 200 });
    stream.write('{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"7"}}}\n');
  };
  t.match(await watch(r.client, abort.signal).next(), { value: { resourceVersion: '7' } });
  abort.abort();
  await r.stop();
});

void t.test('a connection that is dead without saying so is found by a ping', async (t) => {
  const r = await rig(() => undefined);
  // In between stands a relay that falls silent: no packet says that anything is wrong.
  const relayed: Socket[] = [];
  const relay = createServer((socket) => {
    const upstream = connect(r.port(), '127.0.0.1');
    relayed.push(socket, upstream);
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => relay.listen(0, '127.0.0.1', resolve));
  const client = clientOf((relay.address() as AddressInfo).port, { pingIntervalMs: 50 });
  const waiting = client.raw('/never');
  await eventually(() => r.paths.length === 1);
  for (const socket of relayed) socket.unpipe();
  t.equal(await reasonOf(waiting), 'ServiceUnavailable');
  await client.close();
  for (const socket of relayed) socket.destroy();
  await new Promise((resolve) => relay.close(resolve));
  await r.stop();
});

void t.test('a live connection on which nothing comes is left alone', async (t) => {
  let answer: (() => void) | undefined;
  const r = await rig(
    (stream) => {
      answer = () => {
        ok(stream, '');
      };
    },
    { pingIntervalMs: 20 },
  );
  const waiting = r.client.raw('/slow');
  let pings = 0;
  await eventually(() => r.sessions.length === 1);
  r.sessions[0]?.on('ping', () => pings++);
  await eventually(() => pings >= 3 && answer !== undefined);
  answer?.();
  t.equal(await waiting, 'ok');
  await r.stop();
});

void t.test('an answer that does not come in time is a Timeout', async (t) => {
  const r = await rig(() => undefined, { requestTimeoutMs: 50 });
  t.equal(await reasonOf(r.client.raw('/never')), 'Timeout');
  await r.stop();
});

void t.test('an abort ends a request with the reason of its signal', async (t) => {
  const r = await rig(() => undefined);
  const abort = new AbortController();
  const waiting = r.client.raw('/never', abort.signal);
  await eventually(() => r.paths.length === 1);
  abort.abort(new Error('enough'));
  await t.rejects(waiting, /enough/);
  await r.stop();
});

void t.test('a watch reads lines however they are cut', async (t) => {
  const object = { metadata: { name: 'ä'.repeat(40_000), resourceVersion: '5' } };
  const lines = Buffer.from(
    [
      { type: 'ADDED', object },
      { type: 'MODIFIED', object },
    ]
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
  const r = await rig((stream) => {
    stream.respond({ ':status': 200 });
    // An odd size cuts through characters of two bytes.
    for (let from = 0; from < lines.length; from += 7_777) stream.write(lines.subarray(from, from + 7_777));
    stream.end();
  });
  const events = [];
  const signal = new AbortController().signal;
  for await (const event of r.client.resource(configMaps).watch({ resourceVersion: '1', signal })) {
    events.push(event.type === 'BOOKMARK' ? '' : `${event.type} ${event.object.metadata.name.length}`);
  }
  t.strictSame(events, ['ADDED 40000', 'MODIFIED 40000']);
  await r.stop();
});

void t.test('an ERROR event and a refusal are the same StatusError', async (t) => {
  const status = { kind: 'Status', status: 'Failure', reason: 'Expired', message: 'too old', code: 410 };
  const r = await rig((stream) => {
    stream.respond({ ':status': 200 });
    stream.end(`${JSON.stringify({ type: 'ERROR', object: status })}\n`);
  });
  const { signal } = new AbortController();
  t.equal(await reasonOf(watch(r.client, signal).next()), 'Expired');
  r.answer = (stream) => {
    stream.respond({ ':status': 410 });
    stream.end(JSON.stringify(status));
  };
  t.equal(await reasonOf(watch(r.client, signal).next()), 'Expired');
  await r.stop();
});

void t.test('a refusal in plain text keeps its code', async (t) => {
  const r = await rig((stream) => {
    stream.respond({ ':status': 403 });
    stream.end('not you');
  });
  await t.rejects(r.client.raw('/readyz'), { reason: 'Forbidden', code: 403, message: 'not you' });
  await r.stop();
});

void t.test('more watches than a session takes get further sessions', async (t) => {
  const r = await rig((stream) => {
    stream.respond({ ':status': 200 });
  });
  const abort = new AbortController();
  const waiting = Array.from({ length: 120 }, () => watch(r.client, abort.signal).next());
  await eventually(() => r.paths.length === 120);
  t.equal(r.sessions.length, 2);
  abort.abort();
  await Promise.all(waiting);
  await r.stop();
});

void t.test('a watch whose consumer sleeps does not hold up requests', async (t) => {
  const big = { metadata: { name: 'x'.repeat(1 << 20), resourceVersion: '5' } };
  const r = await rig((stream, path) => {
    if (!path.includes('watch')) {
      ok(stream, path);
      return;
    }
    stream.respond({ ':status': 200 });
    const line = `${JSON.stringify({ type: 'ADDED', object: big as unknown as ConfigMap })}\n`;
    for (let count = 0; count < 30; count++) stream.write(line);
  });
  const abort = new AbortController();
  const events = watch(r.client, abort.signal);
  await events.next();
  t.equal(await r.client.raw('/readyz'), 'ok');
  abort.abort();
  await events.return?.();
  await r.stop();
});

void t.test('a server that is not what the URL says is refused before anything is sent', (t) => {
  const userAgent = 'test';
  t.throws(() => createRestClient({ connection: { server: 'http://x' }, userAgent }), /https/);
  t.throws(() => createRestClient({ connection: { server: 'nonsense' }, userAgent }), /not the URL/);
  t.end();
});
