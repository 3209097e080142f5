/** Static Pods from a URL that answers with a Pod or a List of Pods. */
import type { Pod } from '../../api/generated/core-v1.js';
import { sleep } from '../../common/clock.js';
import type { Clock } from '../../common/clock.js';
import { Deadline } from '../../common/deadline.js';
import type { Logger } from '../../common/log.js';
import { readManifest } from './read-manifest.js';
import type { ManifestOrigin } from './read-manifest.js';

export interface HttpSourceOptions {
  readonly url: string;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Logger;
  readonly origin: Omit<ManifestOrigin, 'source' | 'place'>;
  readonly onPods: (pods: readonly Pod[]) => void;
}

const timeoutMs = 10_000;
const maxBytes = 10 * 1024 * 1024;

/** Asks until the signal aborts. What cannot be had or read changes nothing; the log says why, once a failure begins. */
export async function runHttpSource(options: HttpSourceOptions, signal: AbortSignal): Promise<void> {
  const { url, intervalMs, clock, log, onPods, origin } = options;
  let before: string | undefined;
  let isFailing = false;
  while (!isAborted(signal)) {
    try {
      const text = await ask(options, signal);
      if (text !== before) onPods(readManifest(text, { ...origin, source: 'http', place: url }));
      before = text;
      isFailing = false;
    } catch (error) {
      if (isAborted(signal)) return;
      if (!isFailing)
        log.error('the manifests of static pods cannot be fetched or used', { url, err: error });
      isFailing = true;
    }
    await sleep(clock, intervalMs, signal);
  }
}

async function ask({ url, headers, clock }: HttpSourceOptions, signal: AbortSignal): Promise<string> {
  const within = new Deadline(clock, timeoutMs, signal);
  try {
    const response = await fetch(url, {
      headers: Object.entries(headers).flatMap(([name, values]) =>
        values.map((value): [string, string] => [name, value]),
      ),
      signal: within.signal,
    });
    if (!response.ok) {
      await response.body?.cancel();
      throw new Error(`${url} answered ${response.status} ${response.statusText}`);
    }
    const chunks: Uint8Array[] = [];
    let size = 0;
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      size += chunk.length;
      if (size > maxBytes) throw new Error(`${url} answers more than ${maxBytes} bytes`);
      chunks.push(chunk);
    }
    return Buffer.concat(chunks).toString('utf8');
  } finally {
    within.clear();
  }
}

function isAborted(signal: AbortSignal): boolean {
  return signal.aborted;
}
