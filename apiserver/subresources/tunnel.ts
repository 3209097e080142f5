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

/** A side that does not close in this time after the other one did is closed. */
const lingerMs = 30_000;

async function join(client: Duplex, backend: Duplex, stopping: AbortSignal): Promise<void> {
  const sides = [client, backend];
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const destroy = (): void => {
      for (const side of sides) side.destroy();
    };
    const onClose = (): void => {
      const [left] = sides.filter((side) => !side.closed);
      if (left === undefined) {
        clearTimeout(timer);
        stopping.removeEventListener('abort', destroy);
        resolve();
        return;
      }
      // What was read of the other side may still wait to be written here: a close at once would lose it.
      timer = setTimeout(destroy, lingerMs);
      left.end();
      left.resume();
    };
    for (const side of sides) {
      side.once('close', onClose);
      side.on('error', () => {
        // A reset is how many of these sessions end; 'close' follows.
      });
    }
    stopping.addEventListener('abort', destroy, { once: true });
    client.pipe(backend);
    backend.pipe(client);
    if (sides.some((side) => side.closed)) onClose();
  });
}
