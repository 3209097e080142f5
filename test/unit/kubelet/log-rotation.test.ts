/** Rotation of logs, and readers that see all files of a log as one: no line is lost, none comes twice. */
import {
  appendFileSync,
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import t from 'tap';
import { systemClock } from '../../../common/clock.js';
import { createLogger } from '../../../common/log.js';
import { CriError } from '../../../kubelet/cri/runtime.js';
import type { ContainerRuntime } from '../../../kubelet/cri/runtime.js';
import { LogRotator } from '../../../kubelet/logs/log-rotator.js';
import { readLogs } from '../../../kubelet/logs/read-logs.js';
import type { LogRequest } from '../../../kubelet/logs/read-logs.js';
import { removeLog, rotatedAfter, rotatedAmong, rotatedName } from '../../../kubelet/logs/rotated-files.js';
import { until } from '../../support/until.js';

const line = (text: string, tag = 'F'): string => `2026-01-01T00:00:00.000000000Z stdout ${tag} ${text}\n`;

/** A container that writes, and a runtime that opens its log when it is told to. */
class Writer {
  readonly path: string;
  isRunning = true;
  failsToReopen = false;
  #descriptor: number;
  #listeners = new Set<() => void>();

  constructor(folder: string) {
    this.path = join(folder, '0.log');
    this.#descriptor = openSync(this.path, 'a');
  }

  write(text: string): void {
    writeSync(this.#descriptor, text);
  }

  end(): void {
    this.isRunning = false;
    for (const listener of this.#listeners) listener();
    closeSync(this.#descriptor);
  }

  readonly source = {
    isRunning: async () => this.isRunning,
    onChange: (listener: () => void) => {
      this.#listeners.add(listener);
      return () => this.#listeners.delete(listener);
    },
  };

  readonly runtime = {
    listContainers: async () => [{ id: 'c1', state: 'running' }],
    containerStatus: async () => ({ logPath: this.path }),
    reopenContainerLog: async () => {
      if (this.failsToReopen) throw new CriError('failed', 'not now');
      const old = this.#descriptor;
      this.#descriptor = openSync(this.path, 'a');
      // As containerd does: what it had in hand goes to the old file, after the new one is there.
      setTimeout(() => {
        writeSync(old, line('last words'));
        closeSync(old);
      }, 5);
    },
  } as unknown as ContainerRuntime;

  rotator(files: number, now: () => number = Date.now): LogRotator {
    const configuration = {
      containerLogMaxSizeBytes: 100,
      containerLogMaxFiles: files,
      containerLogMaxWorkers: 2,
      containerLogMonitorIntervalMs: 10_000,
    };
    const clock = { ...systemClock, now };
    return new LogRotator({
      runtime: this.runtime,
      configuration,
      clock,
      log: createLogger('test', 'silent'),
    });
  }

  read(more: Partial<LogRequest> = {}): AsyncIterable<Buffer> {
    const all = {
      tailLines: undefined,
      follow: false,
      sinceMs: undefined,
      timestamps: false,
      limitBytes: undefined,
    };
    return readLogs({ path: this.path, ...all, ...more }, this.source, new AbortController().signal);
  }

  async text(more: Partial<LogRequest> = {}): Promise<string> {
    let text = '';
    for await (const piece of this.read(more)) text += piece.toString();
    return text;
  }
}

void t.test('names of rotated files', (t) => {
  t.equal(rotatedName('/x/0.log', Date.UTC(2026, 0, 31, 23, 59, 58)), '/x/0.log.20260131-235958');
  const names = [
    '0.log.20260102-000000',
    '0.log',
    '10.log.20260101-000000',
    '0.log.20260101-000000.gz',
    '0.log.20260103-000000.gz.tmp',
    '0.log.note',
  ];
  t.strictSame(rotatedAmong('/x/0.log', names), ['/x/0.log.20260101-000000.gz', '/x/0.log.20260102-000000']);
  const both = ['0.log.20260101-000000', '0.log.20260101-000000.gz'];
  t.equal(rotatedAmong('/x/0.log', both).length, 1, 'in both forms, it counts once');
  const rotated = ['/x/0.log.20260101-000000.gz', '/x/0.log.20260102-000000'];
  t.strictSame(rotatedAfter(undefined, rotated), rotated);
  t.strictSame(rotatedAfter('/x/0.log.20260101-000000', rotated), ['/x/0.log.20260102-000000']);
  t.end();
});

void t.test('a log that is too large is rotated; older files are compressed, the oldest go', async (t) => {
  const writer = new Writer(t.testdir());
  let nowMs = Date.UTC(2026, 0, 1);
  const rotator = writer.rotator(4, () => nowMs);
  const folder = join(writer.path, '..');
  writer.write(line('small'));
  await rotator.rotateAll();
  t.strictSame(readdirSync(folder), ['0.log'], 'small ones stay');
  for (let round = 1; round <= 5; round++) {
    nowMs += 1000;
    writer.write(line(`round ${String(round)}`) + line('x'.repeat(200)));
    await rotator.rotateAll();
  }
  t.strictSame(readdirSync(folder), [
    '0.log',
    '0.log.20260101-000003.gz',
    '0.log.20260101-000004.gz',
    '0.log.20260101-000005',
  ]);
  t.match(gunzipSync(readFileSync(join(folder, '0.log.20260101-000003.gz'))).toString(), 'round 3');
  await removeLog(writer.path);
  t.strictSame(readdirSync(folder), []);
});

void t.test('what a killed kubelet left is put right', async (t) => {
  const folder = t.testdir({
    '0.log.20260101-000001': 'whole',
    '0.log.20260101-000001.gz': gzipSync('whole'),
    '0.log.20260101-000002': line('two'),
    '0.log.20260101-000002.gz.tmp': 'half',
  });
  const writer = new Writer(folder);
  writer.write(line('y'.repeat(200)));
  await writer.rotator(5, () => Date.UTC(2026, 0, 2)).rotateAll();
  t.strictSame(readdirSync(folder), [
    '0.log',
    '0.log.20260101-000001.gz',
    '0.log.20260101-000002.gz',
    '0.log.20260102-000000',
  ]);
});

void t.test('a runtime that cannot open the log anew keeps it under its name', async (t) => {
  const writer = new Writer(t.testdir());
  writer.write(line('z'.repeat(200)));
  writer.failsToReopen = true;
  const rotator = writer.rotator(3);
  await rotator.rotateAll();
  t.strictSame(readdirSync(join(writer.path, '..')), ['0.log']);
  t.match(readFileSync(writer.path, 'utf8'), 'zzz');
  writer.failsToReopen = false;
  await rotator.rotateAll();
  t.equal(readdirSync(join(writer.path, '..')).length, 2);
});

void t.test('a log is read over all of its files', async (t) => {
  const folder = t.testdir({
    '0.log.20260101-000001.gz': gzipSync(line('1') + line('2') + line('3')),
    '0.log.20260101-000002': line('4') + line('5', 'P') + line('5'),
  });
  const writer = new Writer(folder);
  writer.write(line('6') + line('7', 'P') + line('7', 'P'));
  const table: [number | undefined, string][] = [
    [undefined, '1\n2\n3\n4\n55\n6\n77'],
    [0, ''],
    [1, '77'],
    [2, '6\n77'],
    [3, '55\n6\n77'],
    [4, '4\n55\n6\n77'],
    [5, '3\n4\n55\n6\n77'],
    [6, '2\n3\n4\n55\n6\n77'],
    [99, '1\n2\n3\n4\n55\n6\n77'],
  ];
  for (const [tailLines, text] of table)
    t.equal(await writer.text({ tailLines }), text, `tail ${String(tailLines)}`);
  t.equal(await writer.text({ limitBytes: 5 }), '1\n2\n3');

  const parted = new Writer(
    t.testdir({
      '0.log.20260101-000001.gz': gzipSync(line('1') + line('2', 'P')),
      '0.log.20260101-000002': line('2', 'P'),
    }),
  );
  parted.write(line('2') + line('3'));
  for (const [tailLines, text] of [
    [1, '3\n'],
    [2, '222\n3\n'],
    [3, '1\n222\n3\n'],
  ] as const)
    t.equal(await parted.text({ tailLines }), text, `a line over three files, tail ${String(tailLines)}`);
});

void t.test('the tail of a log of many chunks', async (t) => {
  const writer = new Writer(t.testdir());
  const long = 'k'.repeat(16_384);
  for (let piece = 0; piece < 639; piece++) writer.write(line(long, 'P'));
  writer.write(line(long) + line('end'));
  t.equal(await writer.text({ tailLines: 1 }), 'end\n');
  const two = await writer.text({ tailLines: 2 });
  t.equal(two.length, 640 * 16_384 + 1 + 4, 'a line of 10 MB in one piece');
  t.equal(await writer.text(), two);
  const third = await writer.text({ tailLines: 3, limitBytes: 10 });
  t.equal(third, 'kkkkkkkkkk');
});

void t.test('who follows sees every line once, however often the log is rotated', async (t) => {
  const writer = new Writer(t.testdir());
  let nowMs = Date.UTC(2026, 0, 1);
  const rotator = writer.rotator(3, () => nowMs);
  writer.write(line('line 0'));
  let text = '';
  const reading = (async () => {
    for await (const piece of writer.read({ follow: true })) text += piece.toString();
  })();
  const expected = ['line 0'];
  const write = (words: string): void => {
    writer.write(line(words));
    expected.push(words);
  };
  const caughtUp = (): boolean => text === `${expected.join('\n')}\n`;
  for (let round = 0; round < 6; round++) {
    for (let count = 0; count < 50; count++) write(`round ${String(round)}, line ${String(count)}`);
    // A reader that was left behind by more rotations than files are kept could not have all.
    if (round % 2 === 0) await until('the reader has caught up', caughtUp);
    nowMs += 1000;
    await rotator.rotateAll();
    expected.push('last words');
    t.ok(existsSync(rotatedName(writer.path, nowMs)));
    write('after the rotation');
  }
  await until('the reader has caught up', caughtUp);
  write('the end');
  writer.end();
  await reading;
  t.equal(text, `${expected.join('\n')}\n`);
});

void t.test('a log that was renamed and not opened anew yet', async (t) => {
  const folder = t.testdir({ '0.log.20260101-000001': line('one') });
  const path = join(folder, '0.log');
  let isRunning = true;
  const source = { isRunning: async () => isRunning, onChange: () => () => undefined };
  const request = {
    path,
    tailLines: undefined,
    follow: true,
    sinceMs: undefined,
    timestamps: false,
    limitBytes: undefined,
  };
  let text = '';
  const reading = (async () => {
    for await (const piece of readLogs(request, source, new AbortController().signal))
      text += piece.toString();
  })();
  await until('the first line came', () => text === 'one\n');
  appendFileSync(`${path}.20260101-000001`, line('two'));
  await until('the second line came', () => text === 'one\ntwo\n');
  writeFileSync(path, line('three'));
  await until('the third line came', () => text === 'one\ntwo\nthree\n');
  isRunning = false;
  appendFileSync(path, line('four'));
  await reading;
  t.equal(text, 'one\ntwo\nthree\nfour\n');
});
