/** A TCP proxy on the loopback that fails in the ways that networks do, when a test tells it to. */
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';

export class TcpProxy {
  readonly #server: Server;
  readonly #connections = new Set<[Socket, Socket]>();
  /** Requests pass, and the first byte of an answer cuts the connection instead. */
  #swallowAnswers = false;
  #refusing = false;

  private constructor(target: { host: string; port: number }) {
    this.#server = createServer((client) => {
      if (this.#refusing) {
        client.destroy();
        return;
      }
      const upstream = connect(target);
      const pair: [Socket, Socket] = [client, upstream];
      this.#connections.add(pair);
      const cut = (): void => {
        this.#connections.delete(pair);
        client.destroy();
        upstream.destroy();
      };
      for (const socket of pair) {
        socket.on('close', cut);
        socket.on('error', cut); // the other side learns of it by the cut
      }
      client.on('data', (data) => upstream.write(data));
      upstream.on('data', (data) => {
        if (this.#swallowAnswers) cut();
        else client.write(data);
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
    for (const pair of this.#connections) for (const socket of pair) socket.destroy();
  }

  swallowAnswers(swallow: boolean): void {
    this.#swallowAnswers = swallow;
  }

  /** Ends all connections and closes new ones at once. */
  refuse(refuse: boolean): void {
    this.#refusing = refuse;
    if (refuse) this.cut();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
