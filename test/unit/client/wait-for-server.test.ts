import t from 'tap';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import type { Logger } from '../../../common/log.js';
import { StatusError } from '../../../api/status-error.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { ApiClient } from '../../../client/types.js';
import { waitForServer } from '../../../client/wait-for-server.js';
import { settle } from './eventually.js';

function clientThat(raw: () => Promise<string>): ApiClient {
  return {
    ...createMemoryClient(),
    resource: () => {
      throw new Error('not asked for');
    },
    raw,
    close: async () => undefined,
  };
}

function recordingLog(lines: string[]): Logger {
  return { ...silentLogger, info: (message) => lines.push(message) };
}

void t.test('a server that is there is not worth a line', async (t) => {
  const lines: string[] = [];
  const { signal } = new AbortController();
  await waitForServer({ client: clientThat(async () => 'ok'), log: recordingLog(lines), signal });
  t.strictSame(lines, []);
});

void t.test('one line on what it waits for, one when it has come', async (t) => {
  const clock = new ManualClock();
  const lines: string[] = [];
  let up = false;
  const client = clientThat(async () => {
    if (!up) throw new StatusError('ServiceUnavailable', 'refused');
    return 'ok';
  });
  const { signal } = new AbortController();
  const waiting = waitForServer({ client, log: recordingLog(lines), signal, clock });
  for (let round = 0; round < 30; round++) {
    clock.advance(1_000);
    await settle(3);
  }
  t.strictSame(lines, ['waiting for the apiserver']);
  up = true;
  clock.advance(1_000);
  await waiting;
  t.strictSame(lines, ['waiting for the apiserver', 'the apiserver is ready']);
});

void t.test('waiting cannot help against a refusal', async (t) => {
  const { signal } = new AbortController();
  const client = clientThat(async () => {
    throw new StatusError('Unauthorized', 'who are you');
  });
  await t.rejects(waitForServer({ client, log: silentLogger, signal }), /who are you/);
});

void t.test('an abort ends the wait without an error', async (t) => {
  const abort = new AbortController();
  const client = clientThat(async () => {
    throw new StatusError('ServiceUnavailable', 'refused');
  });
  const waiting = waitForServer({ client, log: silentLogger, signal: abort.signal });
  abort.abort();
  await waiting;
  t.pass('ended');
});
