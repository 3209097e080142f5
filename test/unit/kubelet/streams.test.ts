/** The protocols of streams: frames of SPDY, channels of WebSocket, and a session between a client and a runtime. */
import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { inflateRawSync, constants } from 'node:zlib';
import t from 'tap';
import type { Test } from 'tap';
import { WebSocket } from 'ws';
import { channelMessage, readChannelMessage, streamsOf } from '../../../kubelet/streams/channels.js';
import { serveCommandStream, servePortForward } from '../../../kubelet/streams/serve-stream.js';
import { dataFrames, ping, SpdyReader, synStream } from '../../../kubelet/streams/spdy-frames.js';
import { answerUpgrade } from '../../../kubelet/streams/stream-tunnel.js';
import { until } from '../../support/until.js';

void t.test('a stream is opened with headers that any inflater reads', (t) => {
  const [first, second] = [
    synStream(1, { streamtype: 'error' }, true),
    synStream(3, { streamtype: 'stdin' }, false),
  ];
  t.equal(first.subarray(0, 5).toString('hex'), '8003000100', 'version 3, SYN_STREAM, no flags');
  t.equal(first.readUIntBE(5, 3), first.length - 8);
  t.equal(first.readUInt32BE(8), 1);
  t.equal(
    first.subarray(18, 24).toString('hex'),
    '7820e3c6a7c2',
    'zlib, with the checksum of the dictionary of SPDY/3',
  );
  t.equal(first.readUInt16BE(18) % 31, 0, 'a valid head of zlib');
  const blocks = Buffer.concat([first.subarray(24), second.subarray(18)]);
  const text = inflateRawSync(blocks, { finishFlush: constants.Z_SYNC_FLUSH });
  const header = (name: string, value: string): Buffer =>
    Buffer.concat([
      Buffer.from([0, 0, 0, 1, 0, 0, 0, name.length]),
      Buffer.from(name),
      Buffer.from([0, 0, 0, value.length]),
      Buffer.from(value),
    ]);
  t.ok(text.equals(Buffer.concat([header('streamtype', 'error'), header('streamtype', 'stdin')])));
  t.end();
});

void t.test('frames are read however they are cut', (t) => {
  const bytes = Buffer.concat([
    ...dataFrames(5, Buffer.from('hello '), false),
    ping(7),
    ...dataFrames(5, Buffer.from('world'), true),
    ...dataFrames(3, Buffer.alloc(0), true),
    Buffer.from('80030003000000080000000900000001', 'hex'),
    Buffer.from('80030007000000080000000000000000', 'hex'),
  ]);
  for (const size of [1, 2, 3, 7, 8, 9, 13, bytes.length]) {
    const reader = new SpdyReader();
    const data = new Map<number, string>();
    const other: string[] = [];
    for (let at = 0; at < bytes.length; at += size)
      for (const event of reader.read(bytes.subarray(at, at + size))) {
        if (event.kind === 'data')
          data.set(
            event.streamId,
            (data.get(event.streamId) ?? '') + event.payload.toString() + (event.fin ? '.' : ''),
          );
        else other.push(JSON.stringify(event));
      }
    t.strictSame(
      [...data],
      [
        [5, 'hello world.'],
        [3, '.'],
      ],
      `pieces of ${String(size)}`,
    );
    t.strictSame(other, ['{"kind":"ping","id":7}', '{"kind":"reset","streamId":9}', '{"kind":"go-away"}']);
  }
  t.throws(
    () => new SpdyReader().read(Buffer.from('8005000100000000', 'hex')),
    { name: 'SpdyProtocolError' },
    'another version',
  );
  t.throws(
    () => new SpdyReader().read(Buffer.from('8003000800ffffff', 'hex')),
    { name: 'SpdyProtocolError' },
    'a control frame without end',
  );
  t.end();
});

void t.test('data longer than a frame is parted', (t) => {
  const pieces = dataFrames(1, Buffer.alloc(0xff_ffff + 5), true);
  t.strictSame(
    pieces.map(({ length }) => length),
    [8, 0xff_ffff, 8, 5],
  );
  t.strictSame([pieces[0]?.[4], pieces[2]?.[4]], [0, 1], 'only the last one ends the stream');
  t.end();
});

void t.test('messages of the channel protocol', (t) => {
  const table: [string, unknown][] = [
    ['', undefined],
    ['00', { kind: 'data', channel: 'stdin', payload: Buffer.alloc(0) }],
    ['0061', { kind: 'data', channel: 'stdin', payload: Buffer.from('a') }],
    ['047b7d', { kind: 'data', channel: 'resize', payload: Buffer.from('{}') }],
    ['ff00', { kind: 'close', channel: 'stdin' }],
    ['ff', { kind: 'unknown', channel: 255 }],
    ['ff07', { kind: 'unknown', channel: 7 }],
    ['05', { kind: 'unknown', channel: 5 }],
  ];
  for (const [hex, expected] of table)
    t.strictSame(readChannelMessage(Buffer.from(hex, 'hex')), expected, hex);
  t.equal(channelMessage('error', Buffer.from('x')).toString('hex'), '0378');
  const all = { stdin: true, stdout: true, stderr: true };
  t.strictSame(streamsOf({ ...all, tty: false }), ['error', 'stdin', 'stdout', 'stderr']);
  t.strictSame(streamsOf({ ...all, tty: true }), ['error', 'stdin', 'stdout', 'resize']);
  t.end();
});

/** A runtime's streaming server that says what it gets, and the kubelet's end before it. */
async function setUp(t: Test, idleTimeoutMs = 60_000): Promise<{ runtime: Promise<Socket>; url: string }> {
  const streaming = createServer();
  const runtime = new Promise<Socket>((resolve) => {
    streaming.once('upgrade', ({ headers }: IncomingMessage, socket: Socket) => {
      socket.on('error', () => undefined);
      socket.on('end', () => socket.end());
      socket.write(
        `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n` +
          `X-Stream-Protocol-Version: ${String(headers['x-stream-protocol-version'])}\r\n\r\n`,
      );
      resolve(socket);
    });
  });
  streaming.on('request', (_request, response) => response.writeHead(404).end());
  const target = await listen(streaming);
  const kubelet = createServer();
  kubelet.on('upgrade', (asked: IncomingMessage, socket: Socket, head: Buffer) => {
    const stream = {
      request: asked,
      socket,
      head,
      target: asked.headers['x-no-runtime'] === undefined ? target : 'http://127.0.0.1:1/x',
      idleTimeoutMs,
    };
    const wanted = { stdin: true, stdout: true, stderr: true, tty: false };
    const serving = asked.url === '/exec' ? serveCommandStream(stream, wanted) : servePortForward(stream);
    serving.catch((error: unknown) => {
      answerUpgrade(socket, 502, String(error));
    });
  });
  const url = (await listen(kubelet)).replace('http', 'ws');
  t.teardown(() => {
    for (const server of [streaming, kubelet]) {
      server.close();
      server.closeAllConnections();
    }
    void runtime.then((socket) => socket.destroy());
  });
  return { runtime, url };

  async function listen(server: typeof streaming): Promise<string> {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  }
}

void t.test('exec over v5: input and its end, output, the result, the close', async (t) => {
  const { runtime, url } = await setUp(t);
  const client = new WebSocket(`${url}/exec`, ['v5.channel.k8s.io', 'v4.channel.k8s.io']);
  const messages: string[] = [];
  client.on('message', (data: Buffer) => messages.push(`${String(data[0])}:${data.subarray(1).toString()}`));
  await once(client, 'open');
  t.equal(client.protocol, 'v5.channel.k8s.io');
  const socket = await runtime;
  const reader = new SpdyReader();
  let input = '';
  socket.on('data', (bytes: Buffer) => {
    for (const event of reader.read(bytes))
      if (event.kind === 'data')
        input += `${String(event.streamId)}=${event.payload.toString()}${event.fin ? '.' : ''} `;
  });
  client.send(channelMessage('stdin', Buffer.from('hello')));
  client.send(Buffer.from([255, 0]));
  await until('the input and its end came', () => input === '3=hello 3=. ');
  const closed = once(client, 'close');
  for (const frame of [
    ...dataFrames(5, Buffer.from('out'), false),
    ...dataFrames(7, Buffer.from('err'), true),
    ...dataFrames(1, Buffer.from('{"status":"Success"}'), true),
    ...dataFrames(5, Buffer.from('last'), true),
  ])
    socket.write(frame);
  t.equal((await closed)[0], 1000);
  t.strictSame(messages, ['1:', '1:out', '2:err', '3:{"status":"Success"}', '1:last']);
  await until('the runtime is left', () => socket.destroyed);
});

void t.test('a channel that does not exist ends the session; so does a client that goes', async (t) => {
  const one = await setUp(t);
  const client = new WebSocket(`${one.url}/exec`, 'v5.channel.k8s.io');
  await once(client, 'open');
  client.send(Buffer.from([9, 1]));
  t.equal((await once(client, 'close'))[0], 1002);
  const two = await setUp(t);
  const gone = new WebSocket(`${two.url}/exec`, 'v5.channel.k8s.io');
  await once(gone, 'open');
  const socket = await two.runtime;
  socket.resume();
  gone.terminate();
  await until('the runtime is left', () => socket.destroyed);
});

/** What kubectl does: no WebSocket library agrees to a protocol with a slash in its name. */
async function openTunnel(url: string): Promise<{ socket: Socket; response: IncomingMessage }> {
  const asking = request(url.replace('ws', 'http'), {
    headers: {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': Buffer.alloc(16).toString('base64'),
      'sec-websocket-protocol': 'SPDY/3.1+portforward.k8s.io',
    },
  });
  asking.end();
  const [response, socket] = (await once(asking, 'upgrade')) as [IncomingMessage, Socket];
  socket.on('error', () => undefined);
  return { socket, response };
}

void t.test('SPDY in WebSocket messages passes as it is', async (t) => {
  const { runtime, url } = await setUp(t);
  const { socket, response } = await openTunnel(`${url}/portForward`);
  t.equal(response.headers['sec-websocket-protocol'], 'SPDY/3.1+portforward.k8s.io');
  const inRuntime = await runtime;
  inRuntime.pipe(inRuntime);
  let back = Buffer.alloc(0);
  socket.on('data', (bytes: Buffer) => (back = Buffer.concat([back, bytes])));
  const withoutMask = Buffer.alloc(4);
  socket.write(Buffer.concat([Buffer.from([0x82, 0x85]), withoutMask, Buffer.from('hello')]));
  await until('it came back in a message', () => back.equals(Buffer.from('\x82\x05hello', 'latin1')));
  socket.destroy();
  await until('the runtime is left', () => inRuntime.destroyed);
});

void t.test('a runtime that cannot be reached, and a stream on which nothing moves', async (t) => {
  const { url } = await setUp(t);
  const refused = new WebSocket(`${url}/exec`, 'v5.channel.k8s.io', { headers: { 'x-no-runtime': '1' } });
  const [error] = (await once(refused, 'error')) as [Error];
  t.match(error.message, 'Unexpected server response: 502');
  const idleExec = await setUp(t, 50);
  const client = new WebSocket(`${idleExec.url}/exec`, 'v5.channel.k8s.io');
  client.on('error', () => undefined);
  await once(client, 'close');
  const idleForward = await setUp(t, 50);
  const { socket } = await openTunnel(`${idleForward.url}/portForward`);
  socket.resume();
  await once(socket, 'close');
  for (const { runtime } of [idleExec, idleForward]) {
    const left = await runtime;
    left.resume();
    await until('the runtime is left', () => left.destroyed);
  }
});
