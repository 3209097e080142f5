/** What clients see while the disk of the store is full, fails, or is slow; and that it passes without a restart. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { openEmbeddedStore } from '../../apiserver/storage/backends/embedded/embedded-store.js';
import { unpackTool } from '../../cli/kubectl/unpack-kubectl.js';
import { silentLogger as log } from '../../common/log.js';
import { startFixture, textOf } from '../support/apiserver-fixture.js';
import { BadDisk } from '../support/bad-disk.js';
import { until } from '../support/until.js';

const dataDir = mkdtempSync(join(tmpdir(), 'knarr-trouble-'));
const disk = new BadDisk();
const store = await openEmbeddedStore({ backend: 'embedded', dataDir, log, openFile: disk.open });
const fixture = await startFixture({ store });
t.teardown(async () => {
  await fixture.stop();
  rmSync(dataDir, { recursive: true, force: true });
});

const path = '/api/v1/namespaces/default/configmaps';
const configMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { a: 'b' },
});
const create = (name: string) => fixture.request('POST', path, configMap(name));
const isReady = async (): Promise<boolean> => (await fixture.request('GET', '/readyz')).status === 200;

void t.test('a full disk', async (t) => {
  t.equal((await create('before')).status, 201);
  const watch = fixture.watch(`${path}?watch=true`);
  await watch.until((lines) => lines.some((line) => line.type === 'ADDED'));
  disk.failWrites = true;
  disk.code = 'ENOSPC';
  for (const attempt of [1, 2]) {
    const refused = await create('refused');
    t.equal(refused.status, 503, `attempt ${attempt}`);
    t.match(refused.json, {
      kind: 'Status',
      reason: 'ServiceUnavailable',
      code: 503,
      details: { retryAfterSeconds: 1 },
    });
    t.match(textOf(refused.json['message']), `the disk under ${dataDir} is full`);
    t.equal(refused.headers['retry-after'], '1', 'clients try again by themselves');
  }
  t.equal((await fixture.request('GET', `${path}/before`)).status, 200, 'reads go on');
  t.equal((await fixture.request('GET', path)).status, 200);
  const unready = await fixture.request('GET', '/readyz/store', undefined, { anonymous: true });
  t.equal(unready.status, 500);
  t.match(
    unready.text,
    /^internal server error: the disk under .* is full; writes are refused, reads go on; since /,
  );
  t.equal((await fixture.request('GET', '/livez')).status, 200, 'a restart would not help');

  disk.failWrites = false;
  await until('it is ready again', isReady);
  t.equal((await create('refused')).status, 201, 'and nothing of it was there before');
  await watch.until((lines) => lines.length === 2);
  watch.close();
});

void t.test('kubectl waits for a disk that gets room again', async (t) => {
  disk.failWrites = true;
  t.equal((await create('x')).status, 503);
  const running = fixture.kubectl(await unpackTool('v1.35', 'kubectl'), ['create', 'configmap', 'patient']);
  setTimeout(() => (disk.failWrites = false), 500);
  const { code, stdout, stderr } = await running;
  t.equal(code, 0, stderr);
  t.match(stdout, 'configmap/patient created');
});

void t.test('a disk of which nobody knows what it did', async (t) => {
  disk.code = 'EIO';
  disk.failWrites = disk.failTruncates = true;
  const doubtful = await create('doubtful');
  t.equal(doubtful.status, 504);
  t.match(doubtful.json, { reason: 'Timeout' });
  t.match(textOf(doubtful.json['message']), /it is not known what was written/);
  t.equal(doubtful.headers['retry-after'], undefined, 'no client tries again blindly');
  t.equal((await create('doubtful')).status, 503);
  disk.failWrites = disk.failTruncates = false;
  await until('it is ready again', isReady);
  t.equal((await create('doubtful')).status, 201);
});

void t.test('a slow disk', async (t) => {
  let release = (): void => undefined;
  disk.hold = new Promise((resolve) => (release = resolve));
  const waiting = create('waiting');
  await until('it is told', async () => !(await isReady()));
  const unready = await fixture.request('GET', '/readyz/store');
  t.match(
    unready.text,
    /^internal server error: the disk is slow: the longest commit took \d\.\d s; writes wait long; since /,
  );
  const refused = await until(
    'more writes are refused',
    async () => {
      const answer = await Promise.race([
        create('late'),
        new Promise<undefined>((resolve) => {
          setTimeout(resolve, 500, undefined);
        }),
      ]);
      return answer?.status === 503 ? answer : undefined;
    },
    15_000,
  );
  t.match(textOf(refused.json['message']), /a commit has been under way for \d\.\d s/);
  disk.hold = undefined;
  release();
  t.equal((await waiting).status, 201);
  t.equal((await create('next')).status, 201);
  await until('it is ready again', isReady);
});
