import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, createServer } from 'node:tls';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { ensurePki, reasonToRenew } from '../../../common/pki.js';
import type { CertificateRequest, PkiRequest } from '../../../common/pki.js';

const now = Date.UTC(2026, 5, 1);
const server: CertificateRequest = {
  commonName: 'apiserver',
  usages: ['server'],
  dnsNames: ['localhost', 'kubernetes.default.svc'],
  ipAddresses: ['127.0.0.1', '10.96.0.1'],
};
const client: CertificateRequest = {
  commonName: 'kubernetes-admin',
  organizations: ['system:masters'],
  usages: ['client'],
};
const request = (changes: Partial<PkiRequest> = {}): PkiRequest => ({
  authority: { commonName: 'knarr-ca' },
  certificates: { apiserver: server, admin: client },
  now,
  ...changes,
});

void t.test('makes what is missing and keeps what is good', async (t) => {
  const folder = join(t.testdir(), 'pki');
  const first = await ensurePki(folder, request());
  t.same(Object.keys(first.issued), ['ca', 'apiserver', 'admin']);
  for (const name of ['ca', 'apiserver', 'admin']) {
    t.equal((await stat(join(folder, `${name}.key`))).mode & 0o777, 0o600, `${name}.key is private`);
  }
  const again = await ensurePki(folder, request());
  t.same(again.issued, {});
  t.equal(again.pairs['admin']?.certificate, first.pairs['admin']?.certificate);
  t.equal(await readFile(join(folder, 'ca.crt'), 'utf8'), first.authority);
});

void t.test('certificates say what was asked for', async (t) => {
  const pki = await ensurePki(join(t.testdir(), 'pki'), request());
  const certificate = new X509Certificate(pki.pairs['apiserver']?.certificate ?? '');
  t.match(certificate.subjectAltName, 'DNS:kubernetes.default.svc');
  t.match(certificate.subjectAltName, 'IP Address:10.96.0.1');
  t.same(certificate.keyUsage, ['1.3.6.1.5.5.7.3.1']);
  t.equal(certificate.ca, false);
  const admin = new X509Certificate(pki.pairs['admin']?.certificate ?? '');
  t.equal(admin.subject, 'O=system:masters\nCN=kubernetes-admin');
  t.same(admin.keyUsage, ['1.3.6.1.5.5.7.3.2']);
  t.equal(new X509Certificate(pki.authority).ca, true);
});

void t.test('renews what expires, changes or lost its authority, and nothing else', async (t) => {
  const folder = join(t.testdir(), 'pki');
  const first = await ensurePki(folder, request());
  const dayMs = 86_400_000;
  const later = await ensurePki(folder, request({ now: now + 300 * dayMs }));
  t.same(Object.keys(later.issued), ['apiserver', 'admin'], 'both are near their end');
  t.equal(later.authority, first.authority, 'the authority lives longer');
  const moved = await ensurePki(
    folder,
    request({
      now: now + 300 * dayMs,
      certificates: { apiserver: { ...server, ipAddresses: ['10.0.0.7'] }, admin: client },
    }),
  );
  t.same(moved.issued, { apiserver: 'does not name 10.0.0.7' });
  const other = await ensurePki(join(t.testdir(), 'other'), request());
  const pair = other.pairs['admin'];
  if (pair === undefined) throw new Error('no admin certificate');
  t.equal(reasonToRenew(pair, first.authority, client, now), 'signed by another authority');
  t.equal(
    reasonToRenew(pair, other.authority, { ...client, commonName: 'eve' }, now),
    'is for another subject',
  );
});

void t.test('a damaged file is named, not replaced', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'knarr-pki-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await ensurePki(folder, request());
  await writeFile(join(folder, 'admin.crt'), 'rubbish');
  await t.rejects(ensurePki(folder, request()), { message: /admin\.crt or its key is damaged/ });
});

void t.test('a TLS client that trusts the authority is let in with its certificate', async (t) => {
  // The real clock: TLS libraries look at it.
  const pki = await ensurePki(join(t.testdir(), 'pki'), request({ now: Date.now() }));
  const listener = createServer(
    {
      cert: pki.pairs['apiserver']?.certificate,
      key: pki.pairs['apiserver']?.privateKey,
      ca: pki.authority,
      requestCert: true,
    },
    (socket) => {
      const subject = socket.getPeerCertificate().subject as unknown as { CN: string };
      socket.end(`${String(socket.authorized)} ${subject.CN}`);
    },
  );
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.teardown(() => listener.close());
  const answer = await new Promise<string>((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port: (listener.address() as AddressInfo).port,
      ca: pki.authority,
      cert: pki.pairs['admin']?.certificate,
      key: pki.pairs['admin']?.privateKey,
    });
    socket.on('data', (data: Buffer) => {
      resolve(data.toString());
    });
    socket.on('error', reject);
  });
  t.equal(answer, 'true kubernetes-admin');
});
