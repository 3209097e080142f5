/** A TCP proxy on the loopback that fails in the ways that networks do, when a test tells it to. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** A connection ends when this many bytes have passed in one direction; the last byte still arrives. */
export interface CutAfter {
  readonly direction: 'to-server' | 'to-client';
  readonly bytes: number;
}

interface Pair {
  readonly client: Socket;
  readonly upstream: Socket;
  readonly passed: Record<CutAfter['direction'], number>;
  /** What is delayed, one after the other; undefined when nothing is. */
  readonly late: Record<CutAfter['direction'], Promise<void> | undefined>;
  readonly cutAfter: CutAfter | undefined;
}

export type Directions = CutAfter['direction'] | 'both' | 'none';

export class TcpProxy {
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Requests pass, and the first byte of an answer cuts the connection instead. */
  #swallowAnswers = false;
  #refusing = false;
  #holding: Directions = 'none';
  #refuses: ((head: string) => boolean) | undefined;
  #nextCut: CutAfter | undefined;
  #eachCut: (() => CutAfter) | undefined;
  #delayMs = 0;
  readonly passed = { 'to-server': 0, 'to-client': 0 };

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => {
      if (this.#refusing) {
        client.destroy();
        return;
      }
      const cutAfter = this.#nextCut ?? this.#eachCut?.();
      this.#nextCut = undefined;
      const pair = {
        client,
        upstream: connect(target),
        passed: { 'to-server': 0, 'to-client': 0 },
        late: { 'to-server': undefined, 'to-client': undefined },
        cutAfter,
      };
      this.#pairs.add(pair);
      for (const socket of [pair.client, pair.upstream]) {
        const end = (): void => {
          // An end is a packet as any other: where they are dropped, the other side does not learn of it.
          if (!this.#holds(socket === pair.client ? 'to-server' : 'to-client')) this.#end(pair);
        };
        socket.on('close', end);
        socket.on('error', end); // the other side learns of it by the cut
      }
      let head: string | undefined;
      pair.client.on('data', (data: Buffer) => {
        head ??= data.toString('latin1');
        if (this.#refuses?.(head) === true) this.#end(pair);
        else this.#pass(pair, 'to-server', data);
      });
      pair.upstream.on('data', (data: Buffer) => {
        if (this.#swallowAnswers) this.#end(pair);
        else this.#pass(pair, 'to-client', data);
      });
    });
  }

  static async start(endpoint: string): Promise<TcpProxy> {
    const url = new URL(endpoint);
    const proxy = new TcpProxy({ host: url.hostname, port: Number(url.port) });
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Ends all connections; new ones are accepted. */
  cut(): void {
    for (const pair of this.#pairs) this.#end(pair);
  }

  /** The next connection, and only that one, ends at this byte. */
  cutNextAfter(cut: CutAfter): void {
    this.#nextCut = cut;
  }

  /** Each new connection ends at a byte of its own; undefined stops that. */
  cutEachAfter(choose: (() => CutAfter) | undefined): void {
    this.#eachCut = choose;
  }

  swallowAnswers(swallow: boolean): void {
    this.#swallowAnswers = swallow;
  }

  /**
   * Accepts and keeps connections, and passes nothing on in these directions: a network that drops packets. What was
   * dropped is gone: who ends this cuts the connections.
   */
  hold(directions: Directions): void {
    this.#holding = directions;
  }

  /** Everything arrives so much later, in each direction. */
  delay(milliseconds: number): void {
    this.#delayMs = milliseconds;
  }

  /** Ends all connections and closes new ones at once. */
  refuse(refuse: boolean): void {
    this.#refusing = refuse;
    if (refuse) this.cut();
  }

  /** Ends a connection whose first bytes are such. */
  refuseThoseWho(matches: ((head: string) => boolean) | undefined): void {
    this.#refuses = matches;
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #holds(direction: CutAfter['direction']): boolean {
    return this.#holding === 'both' || this.#holding === direction;
  }

  #pass(pair: Pair, direction: CutAfter['direction'], data: Buffer): void {
    if (this.#holds(direction)) return;
    const socket = direction === 'to-server' ? pair.upstream : pair.client;
    const left =
      pair.cutAfter?.direction === direction ? pair.cutAfter.bytes - pair.passed[direction] : Infinity;
    const passing = data.subarray(0, Math.min(left, data.length));
    pair.passed[direction] += passing.length;
    this.passed[direction] += passing.length;
    if (left <= data.length)
      socket.end(passing, () => {
        this.#end(pair);
      });
    else this.#write(pair, direction, socket, passing);
  }

  /** In the order of arrival, also when the delay has become shorter meanwhile. */
  #write(pair: Pair, direction: CutAfter['direction'], socket: Socket, data: Buffer): void {
    const before = pair.late[direction];
    if (this.#delayMs === 0 && before === undefined) {
      socket.write(data);
      return;
    }
    const due = delay(this.#delayMs);
    const written = Promise.all([due, before]).then(() => {
      if (pair.late[direction] === written) pair.late[direction] = undefined;
      if (!socket.destroyed) socket.write(data);
    });
    pair.late[direction] = written;
  }

  #end(pair: Pair): void {
    this.#pairs.delete(pair);
    pair.client.destroy();
    pair.upstream.destroy();
  }
}
