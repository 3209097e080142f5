/** The client's end of a SPDY/3.1 connection: opens streams, sends and gets their data. */
import { request } from 'node:http';
import type { Socket } from 'node:net';
import { dataFrames, ping, SpdyReader, synStream } from './spdy-frames.js';
import type { SpdyEvent } from './spdy-frames.js';

const connectTimeoutMs = 10_000;

/**
 * Asks the server at `target` to go on in SPDY/3.1 with one of Kubernetes' stream protocols. Rejects when it does not
 * agree, with what it said.
 */
export function upgradeToSpdy(target: string, streamProtocol: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const asking = request(target, {
      method: 'POST',
      agent: false,
      headers: {
        connection: 'Upgrade',
        upgrade: 'SPDY/3.1',
        'x-stream-protocol-version': streamProtocol,
      },
    });
    asking.setTimeout(connectTimeoutMs, () => {
      asking.destroy(new Error(`no answer within ${String(connectTimeoutMs)} ms`));
    });
    asking.once('error', reject);
    asking.once('response', (response) => {
      response.resume();
      reject(new Error(`the runtime's streaming server answered ${String(response.statusCode)}`));
    });
    asking.once('upgrade', (_response, socket, head) => {
      socket.setTimeout(0);
      socket.setNoDelay(true);
      if (head.length > 0) socket.unshift(head);
      resolve(socket);
    });
    asking.end();
  });
}

export interface SpdySessionEvents {
  onData(streamId: number, payload: Buffer): void;
  /** The server sends nothing more on this stream. */
  onEnd(streamId: number): void;
  /** The connection is over; nothing is called afterwards. */
  onClose(): void;
}

/** Owns the socket from here on. */
export class SpdySession {
  readonly #socket: Socket;
  readonly #reader = new SpdyReader();
  #nextStreamId = 1;

  constructor(socket: Socket, events: SpdySessionEvents) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => {
      try {
        for (const event of this.#reader.read(bytes)) this.#handle(event, events);
      } catch {
        // What cannot be read cannot be gone on with: the close that follows tells the other side.
        socket.destroy();
      }
    });
    socket.on('error', () => {
      // A reset is how sessions end when a container goes; 'close' follows.
    });
    socket.once('end', () => socket.end());
    socket.once('close', () => {
      events.onClose();
    });
  }

  /** Answers the new stream's number. */
  open(headers: Readonly<Record<string, string>>): number {
    const id = this.#nextStreamId;
    this.#nextStreamId += 2;
    this.#socket.write(synStream(id, headers, id === 1));
    return id;
  }

  /** False when the caller should wait for {@link drained}. */
  send(streamId: number, payload: Buffer, fin = false): boolean {
    if (!this.#socket.writable) return true;
    this.#socket.cork();
    const results = dataFrames(streamId, payload, fin).map((piece) => this.#socket.write(piece));
    this.#socket.uncork();
    return results.at(-1) ?? true;
  }

  onDrain(listener: () => void): void {
    this.#socket.on('drain', listener);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  close(): void {
    this.#socket.destroy();
  }

  #handle(event: SpdyEvent, events: SpdySessionEvents): void {
    switch (event.kind) {
      case 'data':
        if (event.payload.length > 0) events.onData(event.streamId, event.payload);
        if (event.fin) events.onEnd(event.streamId);
        return;
      case 'reset':
        events.onEnd(event.streamId);
        return;
      case 'ping':
        this.#socket.write(ping(event.id));
        return;
      case 'go-away':
        this.#socket.end();
        return;
    }
  }
}
