/** The load generator: requests over HTTP/2 at full speed or at a pace, and watches, with its own CPU counted. */
import { connect } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import { quantile } from '../statistics.js';
import { serveTasks } from './task-process.js';
import { lastMark, stamp, stampNow } from './watch-marks.js';

export interface Identity {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RequestPlan {
  readonly method: string;
  /** `{n}` stands for a number that is different in each request, `{w}` for one of the worker. */
  readonly path: string;
  readonly contentType?: string;
  readonly accept?: string;
  readonly body?: string;
}

export type LoadTask =
  | {
      readonly kind: 'requests';
      readonly url: string;
      readonly identity: Identity;
      readonly plan: RequestPlan;
      readonly connections: number;
      readonly inFlight: number;
      readonly durationMs: number;
      /** Each worker sends one request so often, instead of as soon as it has its answer. */
      readonly paceMs?: number;
      /** Numbers of requests begin here. */
      readonly firstNumber: number;
    }
  | {
      readonly kind: 'watches';
      readonly url: string;
      readonly identity: Identity;
      /** `{w}` stands for the number of the watch. */
      readonly path: string;
      readonly connections: number;
      readonly watches: number;
      /** One of so many watches looks when its events were sent. */
      readonly readStampsEvery: number;
    };

export interface LoadResult {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Answers by status; refused ones are not in the latencies. */
  readonly statuses: Readonly<Record<string, number>>;
  /** Of the last answer's body. */
  readonly bytes: number;
  /** Of this process, for each request or event. */
  readonly cpuMicroseconds: number;
}

function open(url: string, identity: Identity): Promise<ClientHttp2Session> {
  return new Promise((resolve, reject) => {
    const session = connect(url, { ...identity, settings: { initialWindowSize: 16 * 1024 * 1024 } });
    session.once('error', reject);
    session.once('remoteSettings', () => {
      session.setLocalWindowSize(64 * 1024 * 1024);
      resolve(session);
    });
  });
}

function send(
  session: ClientHttp2Session,
  plan: RequestPlan,
  path: string,
  body: string | undefined,
): Promise<{ readonly status: number; readonly bytes: number }> {
  return new Promise((resolve, reject) => {
    const stream = session.request(
      {
        ':method': plan.method,
        ':path': path,
        ...(plan.contentType === undefined ? {} : { 'content-type': plan.contentType }),
        ...(plan.accept === undefined ? {} : { accept: plan.accept }),
      },
      { endStream: body === undefined },
    );
    let status = 0;
    stream.on('response', (headers) => (status = headers[':status'] ?? 0));
    let bytes = 0;
    stream.on('data', (chunk: Buffer) => (bytes += chunk.length));
    stream.on('end', () => {
      resolve({ status, bytes });
    });
    stream.on('error', reject);
    if (body !== undefined) stream.end(body);
  });
}

async function sendRequests(task: LoadTask & { kind: 'requests' }): Promise<LoadResult> {
  const sessions = await Promise.all(
    Array.from({ length: task.connections }, () => open(task.url, task.identity)),
  );
  const latenciesMs: number[] = [];
  const statuses: Record<string, number> = {};
  let lastBytes = 0;
  let number = task.firstNumber;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const worker = async (w: number): Promise<void> => {
    const session = sessions[w % sessions.length];
    if (session === undefined) return;
    const fill = (text: string): string =>
      text.replaceAll('{n}', String(number)).replaceAll('{w}', String(w)).replace('{stamp}', stampNow());
    // Workers at a pace are spread over it.
    let nextMs = startMs + ((task.paceMs ?? 0) * w) / task.inFlight - (task.paceMs ?? 0);
    // At least one each, however short the time.
    do {
      if (task.paceMs !== undefined) {
        nextMs += task.paceMs;
        const waitMs = nextMs - performance.now();
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
      number++;
      const sentMs = performance.now();
      const { body } = task.plan;
      const { status, bytes } = await send(
        session,
        task.plan,
        fill(task.plan.path),
        body === undefined ? undefined : fill(body),
      );
      statuses[status] = (statuses[status] ?? 0) + 1;
      lastBytes = bytes;
      if (status < 300) latenciesMs.push(performance.now() - sentMs);
    } while (performance.now() - startMs < task.durationMs);
  };
  await Promise.all(Array.from({ length: task.inFlight }, (_, w) => worker(w)));
  const seconds = (performance.now() - startMs) / 1000;
  const result = { ...summary(latenciesMs, seconds, statuses, cpuBefore), bytes: lastBytes };
  for (const session of sessions) session.destroy();
  return result;
}

function summary(
  latenciesMs: readonly number[],
  seconds: number,
  statuses: Readonly<Record<string, number>>,
  cpuBefore: NodeJS.CpuUsage,
): Omit<LoadResult, 'bytes'> {
  const cpu = process.cpuUsage(cpuBefore);
  return {
    count: latenciesMs.length,
    perSecond: latenciesMs.length / seconds,
    p50Ms: quantile(latenciesMs, 0.5),
    p99Ms: quantile(latenciesMs, 0.99),
    statuses,
    cpuMicroseconds: (cpu.user + cpu.system) / Math.max(1, latenciesMs.length),
  };
}

/** What one watcher has seen. All count events and wait for the last one; to look for stamps costs more, and some do. */
class Watcher {
  events = 0;
  readonly latenciesMs: number[] = [];
  readonly #readsStamps: boolean;
  /** The beginning of a line whose end is still to come. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(readsStamps: boolean) {
    this.#readsStamps = readsStamps;
  }

  /** True when the last event is in it. */
  read(chunk: Buffer): boolean {
    const nowMs = performance.timeOrigin + performance.now();
    const all = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const end = all.lastIndexOf(newline) + 1;
    const lines = all.subarray(0, end);
    this.#rest = all.subarray(end);
    for (let at = lines.indexOf(newline); at >= 0; at = lines.indexOf(newline, at + 1)) this.events++;
    if (this.#readsStamps)
      for (const [, sent] of lines.toString('latin1').matchAll(stamp))
        this.latenciesMs.push(nowMs - Number(sent));
    return lines.includes(lastMark);
  }
}

const newline = 10;

/** Opens the watches, says so, and ends when each has seen the last event. */
async function watch(task: LoadTask & { kind: 'watches' }): Promise<LoadResult> {
  const sessions = await Promise.all(
    Array.from({ length: task.connections }, () => open(task.url, task.identity)),
  );
  const watchers = Array.from(
    { length: task.watches },
    (_, w) => new Watcher(w % task.readStampsEvery === 0),
  );
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  let opened = 0;
  await Promise.all(
    watchers.map(
      (watcher, w) =>
        new Promise<void>((resolve, reject) => {
          const path = task.path.replace('{w}', String(w));
          const stream = sessions[w % sessions.length]?.request({ ':path': path });
          if (stream === undefined) return;
          stream.on('response', () => {
            if (++opened === task.watches) process.send?.({ result: 'opened' });
          });
          stream.on('data', (chunk: Buffer) => {
            if (!watcher.read(chunk)) return;
            stream.close();
            resolve();
          });
          stream.on('error', reject);
        }),
    ),
  );
  const seconds = (performance.now() - startMs) / 1000;
  const count = watchers.reduce((events, watcher) => events + watcher.events, 0);
  const latenciesMs = watchers.flatMap((watcher) => watcher.latenciesMs);
  const result = summary(latenciesMs, seconds, {}, cpuBefore);
  for (const session of sessions) session.destroy();
  return {
    ...result,
    count,
    perSecond: count / seconds,
    cpuMicroseconds: (result.cpuMicroseconds * Math.max(1, result.count)) / count,
    bytes: 0,
  };
}

serveTasks((given): Promise<LoadResult> => {
  const task = given as LoadTask;
  return task.kind === 'requests' ? sendRequests(task) : watch(task);
});
