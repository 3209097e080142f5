/** `/containerLogs/<namespace>/<pod>/<container>`, with the query of PodLogOptions. */
import type { ServerResponse } from 'node:http';
import { readLogs } from '../logs/read-logs.js';
import type { LogRequest } from '../logs/read-logs.js';
import { HttpError } from './pod-lookup.js';
import type { PodLookup } from './pod-lookup.js';

export async function serveContainerLogs(
  lookup: PodLookup,
  [namespace = '', name = '', container = '']: readonly string[],
  query: URLSearchParams,
  response: ServerResponse,
): Promise<void> {
  const pod = lookup.pod(namespace, name);
  const options = readOptions(query);
  const found = await lookup.containerForLogs(pod, container, query.get('previous') === 'true');
  const abort = new AbortController();
  response.once('close', () => {
    abort.abort();
  });
  const source = lookup.follow(pod, found.id);
  const isFollowed = options.follow && found.state === 'running';
  const request: LogRequest = { ...options, path: found.logPath, follow: isFollowed };
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8' });
  // A follower wants to know that it is connected before the first line comes.
  response.flushHeaders();
  try {
    for await (const text of readLogs(request, source, abort.signal)) {
      if (!response.write(text)) await drained(response, abort.signal);
    }
  } catch (error) {
    // A container that never wrote anything, or whose log was removed, has an empty one.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  response.end();
}

function readOptions(query: URLSearchParams): Omit<LogRequest, 'path'> {
  const sinceSeconds = readNumber(query, 'sinceSeconds');
  const sinceTime = query.get('sinceTime');
  const sinceMs =
    sinceSeconds !== undefined
      ? Date.now() - sinceSeconds * 1000
      : sinceTime === null || sinceTime === ''
        ? undefined
        : Date.parse(sinceTime);
  if (sinceMs !== undefined && Number.isNaN(sinceMs)) throw new HttpError(400, 'sinceTime is not a time');
  return {
    follow: query.get('follow') === 'true',
    timestamps: query.get('timestamps') === 'true',
    tailLines: readNumber(query, 'tailLines'),
    limitBytes: readNumber(query, 'limitBytes'),
    sinceMs,
  };
}

function readNumber(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^\d+$/.test(text)) throw new HttpError(400, `${name} must be a number that is not negative`);
  return Number(text);
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      response.off('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
