/**
 * What a Node process holds once its garbage is collected, asked of it from outside by Node's inspector: the process needs
 * no flag for it. How much memory the kernel counts says little: a heap grows until a collection is worth its time.
 */
import { WebSocket } from 'ws';
import { until } from './until.js';

export interface HeldMemory {
  /** Objects of JavaScript that can be reached. */
  readonly heapBytes: number;
  /** What they hold outside of the heap: buffers, for the most part. */
  readonly externalBytes: number;
}

/** Where the inspector listens in a process that got SIGUSR1. */
const inspectorUrl = 'http://127.0.0.1:9229/json/list';
const patienceMs = 30_000;

/**
 * Makes the process collect all its garbage, and tells what is left. One process at a time: all inspectors have the same
 * port. Rejects when another process has it.
 */
export async function heldAfterCollection(pid: number): Promise<HeldMemory> {
  return inspect(pid, async (session) => {
    // What a first collection lets go by a finalizer is free after the second.
    for (let time = 0; time < 2; time++) await session.send('HeapProfiler.collectGarbage');
    const usage = await session.evaluate('JSON.stringify(process.memoryUsage())');
    const { heapUsed, external } = JSON.parse(usage) as { heapUsed: number; external: number };
    return { heapBytes: heapUsed, externalBytes: external };
  });
}

/** A snapshot of the heap as Chromium's developer tools read it. */
export async function heapSnapshot(pid: number): Promise<string> {
  return inspect(pid, async (session) => {
    const chunks: string[] = [];
    session.onEvent('HeapProfiler.addHeapSnapshotChunk', ({ chunk }) => {
      chunks.push(String(chunk));
    });
    await session.send('HeapProfiler.takeHeapSnapshot', { reportProgress: false });
    return chunks.join('');
  });
}

/** Opens the inspector of the process for the time of the work. */
async function inspect<T>(pid: number, work: (session: Session) => Promise<T>): Promise<T> {
  process.kill(pid, 'SIGUSR1');
  const url = await until(`process ${String(pid)} can be inspected`, findSession, patienceMs);
  const session = await Session.open(url);
  try {
    const found = await session.evaluate('String(process.pid)');
    if (found !== String(pid)) throw new Error(`process ${found} has the inspector's port: end it first`);
    const result = await work(session);
    // The answer may be lost with the connection.
    session.post('Runtime.evaluate', {
      expression: "require('node:inspector').close()",
      includeCommandLineAPI: true,
    });
    await session.closed;
    return result;
  } finally {
    session.close();
  }
}

async function findSession(): Promise<string | undefined> {
  try {
    const [session] = (await (await fetch(inspectorUrl)).json()) as { webSocketDebuggerUrl?: string }[];
    return session?.webSocketDebuggerUrl;
  } catch (error) {
    // It does not listen yet.
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: { readonly result?: { readonly value?: unknown } };
  readonly error?: { readonly message: string };
}

class Session {
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #answers = new Map<number, (message: Message) => void>();
  readonly #listeners = new Map<string, (params: Readonly<Record<string, unknown>>) => void>();
  #sent = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
    socket.on('message', (data: Buffer) => {
      const message = JSON.parse(data.toString()) as Message;
      if (message.id !== undefined) this.#answers.get(message.id)?.(message);
      else if (message.method !== undefined) this.#listeners.get(message.method)?.(message.params ?? {});
    });
  }

  static async open(url: string): Promise<Session> {
    const socket = new WebSocket(url, { perMessageDeflate: false, maxPayload: 1024 * 1024 * 1024 });
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return new Session(socket);
  }

  onEvent(method: string, listener: (params: Readonly<Record<string, unknown>>) => void): void {
    this.#listeners.set(method, listener);
  }

  /** Asks without waiting. */
  post(method: string, params: object = {}): number {
    const id = ++this.#sent;
    this.#socket.send(JSON.stringify({ id, method, params }));
    return id;
  }

  async send(method: string, params: object = {}): Promise<Message> {
    const id = this.post(method, params);
    const answer = new Promise<Message>((resolve) => this.#answers.set(id, resolve));
    const lost = this.closed.then(() => {
      throw new Error(`the process ended before it answered to ${method}`);
    });
    const message = await Promise.race([answer, lost]);
    this.#answers.delete(id);
    if (message.error !== undefined) throw new Error(`${method}: ${message.error.message}`);
    return message;
  }

  async evaluate(expression: string): Promise<string> {
    const { result } = await this.send('Runtime.evaluate', { expression });
    return String(result?.result?.value);
  }

  close(): void {
    this.#socket.terminate();
  }
}
