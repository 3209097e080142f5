/**
 * The local way in for `knarr store`: HTTP on a socket in the data directory, which only its owner can enter.
 *
 *     GET /status      the StoreStatus as JSON
 *     GET /snapshot    a snapshot's file, as of one revision; without its end when something went wrong
 */
import { closeSync, constants, openSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../../../common/clock.js';
import type { Logger } from '../../../../common/log.js';
import { encodeSnapshot } from '../../record-file/snapshot.js';
import { StoreError } from '../../store.js';
import type { Store, StoreStatus } from '../../store.js';

const socketName = 'store.sock';

/** Answers until the returned function is called, which resolves when nothing runs any more. */
export async function serveAdmin(
  dataDir: string,
  store: Pick<Store, 'status' | 'range'>,
  { log, clock }: { readonly log: Logger; readonly clock: Clock },
): Promise<() => Promise<void>> {
  const path = join(dataDir, socketName);
  rmSync(path, { force: true }); // of an owner that was killed: the lock says that there is no other
  const folder = new ShortPath(dataDir);
  let isBusy = false;
  const answer = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (incoming.url === '/status') {
      response.end(JSON.stringify(await store.status()));
    } else if (incoming.url !== '/snapshot') {
      response.writeHead(404).end();
    } else if (isBusy) {
      response.writeHead(409).end('another snapshot is being taken: wait for it');
    } else {
      isBusy = true;
      try {
        const { records, revision } = await store.range({ prefix: '' });
        const pieces = encodeSnapshot({ revision, records, writtenAt: new Date(clock.now()) });
        await pipeline(Readable.from(pieces, { objectMode: false }), response);
      } finally {
        isBusy = false;
      }
    }
  };
  const server = createServer((incoming, response) => {
    answer(incoming, response).catch((error: unknown) => {
      log.warn('a request of knarr store failed', { path: incoming.url, err: error });
      response.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(folder.of(socketName), resolve);
  });
  return async () => {
    await new Promise<void>((resolve) => {
      server.close(() => {
        resolve();
      });
      server.closeAllConnections();
    });
    folder.close();
    rmSync(path, { force: true });
  };
}

/** undefined when nobody listens: the store is not running. */
export async function askStatus(dataDir: string): Promise<StoreStatus | undefined> {
  const response = await get(dataDir, '/status');
  if (response === undefined) return undefined;
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as StoreStatus;
}

/** The bytes of a snapshot's file; undefined when nobody listens. */
export async function askSnapshot(
  dataDir: string,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array> | undefined> {
  return get(dataDir, '/snapshot', signal);
}

async function get(
  dataDir: string,
  path: string,
  signal?: AbortSignal,
): Promise<IncomingMessage | undefined> {
  const folder = new ShortPath(dataDir);
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { socketPath: folder.of(socketName), path, ...(signal && { signal }) };
      request(options, resolve).on('error', reject).end();
    });
    if (response.statusCode === 200) return response;
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    throw new StoreError('unavailable', Buffer.concat(chunks).toString());
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'ENOENT' || code === 'ECONNREFUSED') return undefined;
    throw error;
  } finally {
    folder.close();
  }
}

/** The path of a socket has at most 107 bytes. Through an open folder it is short, however deep that lies. */
class ShortPath {
  readonly #folder: number;

  constructor(folder: string) {
    this.#folder = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
  }

  of(name: string): string {
    return `/proc/self/fd/${this.#folder}/${name}`;
  }

  close(): void {
    closeSync(this.#folder);
  }
}
