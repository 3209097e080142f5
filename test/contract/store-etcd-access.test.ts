/** Who may use etcd: TLS with client certificates, users and passwords, and what is said when it does not work. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Etcd3, Range } from 'etcd3';
import t from 'tap';
import { openEtcdStore } from '../../apiserver/storage/backends/etcd/etcd-store.js';
import { StoreError } from '../../apiserver/storage/store.js';
import type { Store } from '../../apiserver/storage/store.js';
import { silentLogger } from '../../common/log.js';
import type { LogFields, Logger } from '../../common/log.js';
import { freePorts } from '../support/free-ports.js';
import { startEtcd } from '../support/etcd.js';
import { testPki } from '../support/pki.js';
import { TcpProxy } from '../support/tcp-proxy.js';
import { until } from '../support/until.js';
import { bytes, WatchRecording } from './store-watching.js';

const base = { backend: 'etcd', log: silentLogger, startTimeoutMs: 0, compactionIntervalMs: 0 } as const;

async function refusal(opening: Promise<Store>): Promise<string> {
  try {
    await (await opening).close();
    return 'it was opened';
  } catch (error) {
    if (!(error instanceof StoreError) || error.code !== 'unavailable') throw error;
    return error.message;
  }
}

function recordingLogger(): { readonly log: Logger; readonly lines: [string, LogFields | undefined][] } {
  const lines: [string, LogFields | undefined][] = [];
  const note = (message: string, fields?: LogFields): void => {
    lines.push([message, fields]);
  };
  return { log: { ...silentLogger, info: note, warn: note, error: note }, lines };
}

void t.test('TLS with client certificates', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'knarr-etcd-pki-'));
  const pki = await testPki(folder);
  const caFile = pki.authorityFile;
  const server = await startEtcd({
    tls: { caFile, certFile: pki.certificateFile('apiserver'), keyFile: pki.keyFile('apiserver') },
  });
  const elsewhere = await testPki(join(folder, 'elsewhere'));
  const tls = {
    ca: pki.authority,
    cert: pki.pair('admin').certificate,
    key: pki.pair('admin').privateKey,
  };
  try {
    const endpoints = [server.endpoint];
    const store = await openEtcdStore({ ...base, endpoints, tls });
    t.match(await store.create('/registry/a', bytes('secret')), { kind: 'created' });
    await store.close();

    const named = await openEtcdStore({ ...base, endpoints, tls: { ...tls, serverName: 'localhost' } });
    await named.close();
    const port = new URL(server.endpoint).port;
    const wrongs: [string, Parameters<typeof openEtcdStore>[0], RegExp][] = [
      [
        'without a certificate',
        { ...base, endpoints, tls: { ca: tls.ca } },
        /certificate|alert|ECONNRESET|hang up/i,
      ],
      ['without the authority', { ...base, endpoints }, /self.signed|unable to (get|verify)/i],
      [
        'of another authority',
        { ...base, endpoints, tls: { ca: elsewhere.authority } },
        /self.signed|signature|verify/i,
      ],
      ['another name', { ...base, endpoints, tls: { ...tls, serverName: 'etcd.example' } }, /etcd\.example/],
      ['no TLS', { ...base, endpoints: [`http://127.0.0.1:${port}`] }, /its URL begins with https/],
      [
        'no key',
        { ...base, endpoints, tls: { ...tls, key: 'nonsense' } },
        /certificates for etcd cannot be used/,
      ],
    ];
    const errors = await Promise.all(wrongs.map(([, options]) => refusal(openEtcdStore(options))));
    for (const [index, [title, options, message]] of wrongs.entries()) {
      t.match(errors[index], message, title);
      if (title !== 'no key') t.match(errors[index], options.endpoints[0], 'names the endpoint');
    }
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
});

void t.test('TLS where there is none, and nobody at all', async (t) => {
  const etcd = await startEtcd();
  const tlsUrl = etcd.endpoint.replace('http:', 'https:');
  await t.rejects(openEtcdStore({ ...base, endpoints: [tlsUrl] }), {
    code: 'unavailable',
    message: /its URL begins with http:/,
  });
  await etcd.stop();
  const endpoints = [etcd.endpoint, 'http://127.0.0.1:1'];
  const error = await refusal(openEtcdStore({ ...base, endpoints }));
  for (const url of endpoints)
    t.match(error, new RegExp(`${url} \\(.*ECONNREFUSED`), 'each endpoint, and why');
});

void t.test('opening waits for an etcd that is not there yet, and says so once', async (t) => {
  const [port = 0] = await freePorts(1);
  const endpoint = `http://127.0.0.1:${port}`;
  const { log, lines } = recordingLogger();
  const { startTimeoutMs, ...waiting } = base;
  t.equal(startTimeoutMs, 0);
  const opening = openEtcdStore({ ...waiting, endpoints: [endpoint], log });
  await until('it says what it waits for', () => lines.length > 0, 10_000);
  t.match(lines[0], ['waiting for etcd', { reason: endpoint }]);
  const etcd = await startEtcd({ clientPort: port });
  const store = await opening;
  t.match(
    lines.map(([message]) => message),
    ['waiting for etcd', 'etcd answers'],
  );
  await store.close();

  await etcd.kill();
  const stop = new AbortController();
  const again = openEtcdStore({ ...waiting, endpoints: [endpoint], log, signal: stop.signal });
  stop.abort(new Error('enough'));
  await t.rejects(again, { message: 'enough' }, 'a signal ends the wait');
  await etcd.stop();
});

void t.test('opening survives connections that are cut while it reads', async (t) => {
  const etcd = await startEtcd();
  const proxy = await TcpProxy.start(etcd.endpoint);
  t.teardown(async () => {
    await proxy.stop();
    await etcd.stop();
  });
  const { startTimeoutMs, ...waiting } = base;
  t.equal(startTimeoutMs, 0);
  let connections = 0;
  // The first one does not live to the settings of HTTP/2, each a little longer than the one before.
  proxy.cutEachAfter(() => ({
    direction: 'to-client',
    bytes: ++connections < 14 ? connections * 15 : Infinity,
  }));
  const store = await openEtcdStore({ ...waiting, endpoints: [proxy.endpoint] });
  t.ok(connections > 5, `${connections} connections`);
  t.equal((await store.get('/registry/none')).record, undefined);
  await store.close();
});

void t.test('users and passwords, and tokens that are forgotten', async (t) => {
  const etcd = await startEtcd({ flags: ['--auth-token=simple'] });
  const admin = new Etcd3({ hosts: etcd.endpoint });
  const proxy = await TcpProxy.start(etcd.endpoint);
  try {
    await admin.user('root').create('root-password');
    await admin.user('root').addRole('root');
    await admin.role('knarr').create();
    await admin.role('knarr').grant({ permission: 'Readwrite', range: Range.prefix('/registry/') });
    await admin.user('knarr').create('pass:word');
    await admin.user('knarr').addRole('knarr');
    await admin.auth.authEnable();

    const endpoints = [proxy.endpoint];
    const credentials = { user: 'knarr', password: 'pass:word' };
    await t.rejects(openEtcdStore({ ...base, endpoints }), {
      code: 'unavailable',
      message: /--etcd-credentials-file/,
    });
    await t.rejects(openEtcdStore({ ...base, endpoints, credentials: { ...credentials, password: 'x' } }), {
      code: 'unavailable',
      message: /does not accept the user and password/,
    });
    await t.rejects(openEtcdStore({ ...base, endpoints, credentials, prefix: '/other' }), {
      code: 'unavailable',
      message: /no permission for these keys/,
    });

    const store = await openEtcdStore({ ...base, endpoints, credentials });
    const { revision } = await store.get('/registry/a');
    const seen = new WatchRecording(store, '/registry/', revision);
    t.match(await store.create('/registry/a', bytes('1')), { kind: 'created' });
    t.match(await store.create('/registry/e', bytes('1'), { ttlSeconds: 60 }), { kind: 'created' });
    await seen.until('both', () => seen.events.length === 2);
    // A member that starts again knows none of the tokens that it gave out.
    await etcd.kill();
    await etcd.start();
    t.match(await store.create('/registry/b', bytes('2')), { kind: 'created' }, 'a write logs in again');
    await seen.until('the watch to log in again', () => seen.events.length === 3);
    store.requestProgress();
    t.match(await store.status(), { backend: 'etcd' });
    await seen.stop();
    await store.close();
  } finally {
    admin.close();
    await proxy.stop();
    await etcd.stop();
  }
});
