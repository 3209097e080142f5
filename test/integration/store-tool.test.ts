/** `knarr store` as a program of its own, on stores that run and that do not. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger as log } from '../../common/log.js';
import { tryCommand } from '../../common/run-command.js';

const program = fileURLToPath(new URL('../../apiserver/store-tool/main.js', import.meta.url));
const base = mkdtempSync(join(tmpdir(), 'knarr-store-tool-'));
t.teardown(() => {
  rmSync(base, { recursive: true, force: true });
});

const open = (dataDir: string): Promise<Store> =>
  openEmbeddedStore({ backend: 'embedded', dataDir, log, servesAdmin: true });
const tool = (...args: string[]): ReturnType<typeof tryCommand> =>
  tryCommand(process.execPath, [program, ...args]);
const json = (text: string): Record<string, unknown> => JSON.parse(text) as Record<string, unknown>;
/** So deep that the path of a socket in it is longer than the kernel takes. */
const deep = join(base, 'a-folder-with-a-long-name'.repeat(4), 'store');

async function filled(dataDir: string): Promise<Store> {
  mkdirSync(dataDir, { recursive: true });
  const store = await open(dataDir);
  await Promise.all(
    Array.from({ length: 500 }, (_, i) =>
      store.create(`/registry/pods/default/pod-${i}`, Buffer.from(`pod ${i} `.repeat(200)), {
        ...(i === 0 ? { ttlSeconds: 3_600 } : {}),
      }),
    ),
  );
  return store;
}

void t.test('a snapshot of a store that is written to, and its way back', async (t) => {
  const store = await filled(deep);
  const file = join(base, 'running.snapshot');
  let stop = false;
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    const key = `/registry/leases/${writer}`;
    const created = await store.create(key, Buffer.from('0'));
    let revision = 'revision' in created ? created.revision : 0;
    for (let i = 1; !stop; i++) {
      const updated = await store.update(key, Buffer.from(String(i)), revision);
      revision = 'revision' in updated ? updated.revision : 0;
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  const taken = await tool('snapshot', file, `--data-dir=${deep}`, '--output=json');
  t.equal(taken.exitCode, 0, taken.stderr);
  const facts = json(taken.stdout);
  const expected = await store.range({ prefix: '', revision: Number(facts['revision']) });
  t.equal(facts['keys'], expected.records.length);
  stop = true;
  await Promise.all(writers);
  const { revision: last } = await store.range({ prefix: '/none' });
  t.ok(last > expected.revision, 'writes went on meanwhile');
  t.equal(statSync(file).mode & 0o777, 0o600, 'it holds Secrets');

  const again = await tool('snapshot', file, `--data-dir=${deep}`);
  t.equal(again.exitCode, 2);
  t.match(again.stderr, /is there already/);
  const running = await tool('status', `--data-dir=${deep}`);
  t.equal(running.exitCode, 0);
  t.match(
    running.stdout,
    /running\nRevision {3}\d+, history from \d+\nKeys {7}508 keys.*\nFiles.*\nCondition {2}well\n/,
  );
  const verified = await tool('verify', `--data-dir=${deep}`);
  t.match(
    [verified.exitCode, verified.stdout],
    [0, /508 keys.*every checksum is right/s],
    'beside the store that runs',
  );

  const owned = await tool('restore', file, `--data-dir=${deep}`);
  t.equal(owned.exitCode, 1);
  t.match(owned.stderr, `in use by process ${process.pid}`);
  await store.close();
  const full = await tool('restore', file, `--data-dir=${deep}`);
  t.equal(full.exitCode, 2);
  t.match(full.stderr, /there is a store in .* empty folder only: mv /);

  const restored = join(base, 'restored');
  const back = await tool('restore', file, `--data-dir=${restored}`, '--output=json');
  t.equal(back.exitCode, 0, back.stderr);
  const store2 = await open(restored);
  const now = await store2.range({ prefix: '' });
  t.same(now.records, expected.records, 'as of the one revision, times to live included');
  t.equal(now.revision, expected.revision + 1_000_000_000);
  t.ok(now.revision > last, 'no client has seen a later one');
  const watch = store2.watch({ prefix: '/', afterRevision: last, signal: new AbortController().signal });
  await t.rejects(
    watch[Symbol.asyncIterator]().next(),
    { code: 'compacted', compactRevision: now.revision },
    'a watch from before is told to list anew',
  );
  const [first] = now.records;
  t.match(
    await store2.update(first?.key ?? '', Buffer.from('changed'), first?.modRevision ?? 0),
    { kind: 'updated', revision: now.revision + 1 },
    'compare and swap goes on from the revisions in the snapshot',
  );
  await store2.close();
});

void t.test('a store that does not run', async (t) => {
  const dataDir = join(base, 'stopped');
  await (await filled(dataDir)).close();
  const names = readdirSync(dataDir);
  const file = join(base, 'stopped.snapshot');
  const taken = await tool('snapshot', file, `--data-dir=${dataDir}`);
  t.match([taken.exitCode, taken.stdout], [0, /500 keys as of revision 501, .*, checked/]);
  t.match((await tool('status', `--data-dir=${dataDir}`)).stdout, /not running\nRevision {3}501/);
  const verified = await tool('verify', file, `--data-dir=${dataDir}`, '-o', 'json');
  t.match(json(verified.stdout), { whole: true, revision: 501, keys: 500, damages: [] });
  t.same(readdirSync(dataDir), names, 'nothing was changed');
  t.equal((await tool('verify', `--data-dir=${join(base, 'nothing')}`)).exitCode, 2);
  t.equal((await tool('verify')).exitCode, 2);
  t.equal((await tool('frobnicate')).exitCode, 2);
});

void t.test('damage is named, and neither restored nor copied', async (t) => {
  const file = join(base, 'stopped.snapshot');
  const bytes = readFileSync(file);
  const at = bytes.indexOf('pod 77 pod 77');
  bytes.writeUInt8(bytes.readUInt8(at) ^ 4, at);
  const damaged = join(base, 'damaged.snapshot');
  writeFileSync(damaged, bytes);
  const verified = await tool('verify', damaged, `--data-dir=${base}`);
  t.equal(verified.exitCode, 1);
  t.match(
    verified.stdout,
    /damaged: .* the value of \/registry\/pods\/default\/pod-77 at revision \d+ is damaged/,
  );
  const restored = join(base, 'from-damaged');
  const refused = await tool('restore', damaged, `--data-dir=${restored}`);
  t.equal(refused.exitCode, 1);
  t.match(refused.stderr, /pod-77 at revision \d+ is damaged/);
  t.same(readdirSync(restored), ['store.lock']);

  writeFileSync(damaged, bytes.subarray(0, bytes.length - 4096));
  t.match((await tool('verify', damaged, `--data-dir=${base}`)).stdout, /cut off: its end is missing/);
  writeFileSync(damaged, 'something else '.repeat(1_000));
  t.match((await tool('verify', damaged, `--data-dir=${base}`)).stderr, /is not a file of a store of Knarr/);

  const dataDir = join(base, 'stopped');
  const logFile = join(dataDir, readdirSync(dataDir).find((name) => name.startsWith('log-')) ?? '');
  const log = readFileSync(logFile);
  const place = log.indexOf('pod 77 pod 77');
  log.writeUInt8(log.readUInt8(place) ^ 4, place);
  writeFileSync(logFile, log);
  const checked = await tool('verify', `--data-dir=${dataDir}`, '-o', 'json');
  t.equal(checked.exitCode, 1);
  t.match(json(checked.stdout), {
    whole: false,
    keys: 499,
    damages: [{ key: '/registry/pods/default/pod-77' }],
  });
  const copy = join(base, 'never.snapshot');
  const copied = await tool('snapshot', copy, `--data-dir=${dataDir}`);
  t.match([copied.exitCode, copied.stderr], [1, /pod-77/]);
  t.notOk(existsSync(copy));
});

void t.test('a snapshot whose store dies leaves no file', async (t) => {
  const dataDir = join(base, 'dies');
  mkdirSync(dataDir);
  const writer = fileURLToPath(new URL('./store-tool-owner.js', import.meta.url));
  const owner = spawn(process.execPath, [writer, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
  await new Promise((resolve) => owner.stdout.once('data', resolve));
  const file = join(base, 'dies.snapshot');
  const taken = await tool('snapshot', file, `--data-dir=${dataDir}`);
  t.equal(taken.exitCode, 1);
  t.match(taken.stderr, /aborted|cut off|hang up|not whole/);
  t.same(
    readdirSync(base).filter((name) => name.startsWith('dies.')),
    [],
  );
});
