/** The end of HTTP on a connection: an upgraded backend and a client that takes its bytes as they are. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { UpgradeRequest } from '../http/listener.js';

export interface UpgradedBackend {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes that came after the head of the answer. */
  readonly head: Buffer;
}

/** Passes the backend's agreement on, and then bytes both ways. Resolves when either side has ended, or at the signal. */
export async function tunnel(
  upgrade: UpgradeRequest,
  backend: UpgradedBackend,
  stopping: AbortSignal,
): Promise<void> {
  const client = upgrade.takeOver();
  client.setNoDelay(true);
  client.write(headOf(backend.response));
  if (backend.head.length > 0) client.write(backend.head);
  if (upgrade.head.length > 0) backend.socket.write(upgrade.head);
  await join(client, backend.socket, stopping);
}

function headOf({ rawHeaders }: IncomingMessage): string {
  const lines = ['HTTP/1.1 101 Switching Protocols'];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2)
    lines.push(`${rawHeaders[at] ?? ''}: ${rawHeaders[at + 1] ?? ''}`);
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function join(client: Duplex, backend: Duplex, stopping: AbortSignal): Promise<void> {
  await new Promise<void>((resolve) => {
    const close = (): void => {
      client.destroy();
      backend.destroy();
      stopping.removeEventListener('abort', close);
      resolve();
    };
    for (const side of [client, backend]) {
      side.on('close', close);
      // A reset is how many of these sessions end; 'close' follows.
      side.on('error', close);
    }
    stopping.addEventListener('abort', close, { once: true });
    client.pipe(backend);
    backend.pipe(client);
  });
}
