import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { readLogs } from '../../../kubelet/logs/read-logs.js';
import type { LogRequest } from '../../../kubelet/logs/read-logs.js';
import { LogFormatter, parseLogEntry } from '../../../kubelet/logs/log-format.js';
import { advanceProbe, initialProbeState } from '../../../kubelet/probes/probe-threshold.js';
import { writeVolumeFiles } from '../../../kubelet/volumes/atomic-writer.js';
import type { VolumeFile } from '../../../kubelet/volumes/atomic-writer.js';

const folder = mkdtempSync(join(tmpdir(), 'knarr-kubelet-unit-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});

const log =
  '2026-01-01T00:00:00.000000001Z stdout F one\n' +
  '2026-01-01T00:00:01.000000001Z stderr P tw\n' +
  '2026-01-01T00:00:01.000000002Z stderr F o\n' +
  '2026-01-01T00:00:02.000000001Z stdout F \n' +
  '2026-01-01T00:00:03.000000001Z stdout F four\n';

async function read(path: string, more: Partial<LogRequest> = {}): Promise<string> {
  const request = {
    path,
    tailLines: undefined,
    follow: false,
    sinceMs: undefined,
    timestamps: false,
    limitBytes: undefined,
    ...more,
  };
  const source = { isRunning: async () => false, onChange: () => () => undefined };
  let text = '';
  for await (const piece of readLogs(request, source, new AbortController().signal)) text += piece.toString();
  return text;
}

void t.test('entries of the log format', async (t) => {
  t.match(parseLogEntry(Buffer.from('T stdout F a b')), { time: 'T', stream: 'stdout', isPartial: false });
  t.match(parseLogEntry(Buffer.from('T stderr P:x a')), { stream: 'stderr', isPartial: true });
  t.equal(parseLogEntry(Buffer.from('nonsense')), undefined);
  t.equal(parseLogEntry(Buffer.from('T other F x')), undefined);
  const formatter = new LogFormatter({ sinceMs: undefined, timestamps: true, limitBytes: undefined });
  const pieces = ['T1 stdout P a', 'T2 stdout F b', 'T3 stdout F c'].map((line) =>
    formatter.format(Buffer.from(line)),
  );
  t.equal(Buffer.concat(pieces).toString(), 'T1 ab\nT3 c\n');
});

void t.test('reading a log', async (t) => {
  const path = join(folder, 'log');
  writeFileSync(path, log);
  t.equal(await read(path), 'one\ntwo\n\nfour\n');
  t.equal(await read(path, { tailLines: 2 }), '\nfour\n');
  t.equal(await read(path, { tailLines: 0 }), '');
  t.equal(await read(path, { tailLines: 100 }), 'one\ntwo\n\nfour\n');
  t.equal(await read(path, { sinceMs: Date.parse('2026-01-01T00:00:01.5Z') }), '\nfour\n');
  t.equal(await read(path, { limitBytes: 5 }), 'one\nt');
  await t.rejects(read(join(folder, 'none')), { code: 'ENOENT' });
  const many = Array.from(
    { length: 20_000 },
    (_unused, index) => `2026-01-01T00:00:00Z stdout F line ${index}\n`,
  );
  writeFileSync(path, many.join(''));
  t.equal(await read(path, { tailLines: 3 }), 'line 19997\nline 19998\nline 19999\n');
});

void t.test('following a log ends with its container and loses nothing', async (t) => {
  const path = join(folder, 'followed');
  writeFileSync(path, '2026-01-01T00:00:00Z stdout F one\n');
  let running = true;
  let change: () => void = () => undefined;
  const source = {
    isRunning: async () => running,
    onChange: (listener: () => void) => {
      change = listener;
      return () => undefined;
    },
  };
  const request = {
    path,
    tailLines: undefined,
    follow: true,
    sinceMs: undefined,
    timestamps: false,
    limitBytes: undefined,
  };
  let text = '';
  for await (const piece of readLogs(request, source, new AbortController().signal)) {
    text += piece.toString();
    if (text === 'one\n') appendFileSync(path, '2026-01-01T00:00:00Z stdout F two\n');
    if (text === 'one\ntwo\n') {
      appendFileSync(path, '2026-01-01T00:00:00Z stdout F three\n');
      running = false;
      change();
    }
  }
  t.equal(text, 'one\ntwo\nthree\n');
});

void t.test('files of a volume change all at once', async (t) => {
  const file = (text: string, mode = 0o644): VolumeFile => ({ data: Buffer.from(text), mode });
  const volume = mkdtempSync(join(folder, 'volume-'));
  const options = { nowMs: Date.UTC(2026, 0, 1) };
  t.equal(
    await writeVolumeFiles(
      volume,
      new Map([
        ['a', file('1')],
        ['d/b', file('2', 0o600)],
      ]),
      options,
    ),
    true,
  );
  t.equal(readFileSync(join(volume, 'a'), 'utf8'), '1');
  t.equal(readFileSync(join(volume, 'd/b'), 'utf8'), '2');
  t.equal(statSync(join(volume, 'd/b')).mode & 0o777, 0o600);
  t.equal(readlinkSync(join(volume, 'a')), '..data/a');
  const before = readlinkSync(join(volume, '..data'));
  t.equal(
    await writeVolumeFiles(
      volume,
      new Map([
        ['a', file('1')],
        ['d/b', file('2', 0o600)],
      ]),
      options,
    ),
    false,
  );
  t.equal(readlinkSync(join(volume, '..data')), before, 'nothing changed');
  t.equal(await writeVolumeFiles(volume, new Map([['a', file('3')]]), options), true);
  t.equal(readFileSync(join(volume, 'a'), 'utf8'), '3');
  t.notOk(existsSync(join(volume, 'd')));
  t.notOk(existsSync(join(volume, before)), 'the old files are gone');
  await t.rejects(writeVolumeFiles(volume, new Map([['../x', file('')]]), options), /invalid path/);
});

void t.test('a verdict needs so many checks in a row', async (t) => {
  const verdicts = (checks: string, success: number, failure: number): string[] => {
    let state = initialProbeState;
    return Array.from(checks, (check) => {
      state = advanceProbe(state, check === '+', { success, failure });
      return state.verdict;
    });
  };
  t.strictSame(verdicts('--+---', 1, 3), ['unknown', 'unknown', 'success', 'success', 'success', 'failure']);
  t.strictSame(verdicts('-+-++', 2, 1), ['failure', 'failure', 'failure', 'failure', 'success']);
});
