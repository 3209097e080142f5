/** Users that a proxy names in headers, and the ConfigMap that tells the servers behind this one whom to trust. */
import t from 'tap';
import {
  authenticationData,
  mergeAuthenticationData,
} from '../../../apiserver/bootstrap/extension-authentication.js';
import { isIssuedBy, readCertificates, userOfHeaders } from '../../../apiserver/filters/front-proxy.js';
import { createAuthority, issueCertificate } from '../../../common/pki.js';

const headers = {
  clientCa: '',
  allowedNames: ['proxy'],
  usernameHeaders: ['X-Remote-User', 'X-Other-User'],
  uidHeaders: ['X-Remote-Uid'],
  groupHeaders: ['X-Remote-Group'],
  extraHeaderPrefixes: ['X-Remote-Extra-'],
};

void t.test('the user of a request', async (t) => {
  const all = {
    'x-remote-user': 'jane',
    'x-remote-uid': 'u1',
    'x-remote-group': 'a, b',
    'x-remote-extra-scopes': 'one, two',
    'x-remote-extra-example.com%2fkey': 'v',
  };
  t.strictSame(userOfHeaders(all, headers), {
    name: 'jane',
    uid: 'u1',
    groups: ['a', 'b', 'system:authenticated'],
    extra: { scopes: ['one', 'two'], 'example.com/key': ['v'] },
  });
  t.strictSame(userOfHeaders({ 'x-other-user': 'joe' }, headers), {
    name: 'joe',
    groups: ['system:authenticated'],
  });
  t.equal(userOfHeaders({ 'x-remote-group': 'system:masters' }, headers), undefined);
});

const now = Date.now();
const validity = { now, validDays: 10 };
const [one, two] = await Promise.all([
  createAuthority({ commonName: 'one' }, validity),
  createAuthority({ commonName: 'two' }, validity),
]);
const old = await createAuthority({ commonName: 'old' }, { now: now - 20 * 86_400_000, validDays: 10 });

void t.test('who has issued a certificate', async (t) => {
  const issued = await issueCertificate(one, { commonName: 'proxy', usages: ['client'] }, validity);
  const [certificate] = readCertificates(issued.certificate);
  if (certificate === undefined) throw new Error('there is a certificate');
  t.ok(isIssuedBy(certificate, readCertificates(one.certificate + two.certificate)));
  t.notOk(isIssuedBy(certificate, readCertificates(two.certificate)));
  const namesake = await createAuthority({ commonName: 'one' }, validity);
  t.notOk(isIssuedBy(certificate, readCertificates(namesake.certificate)), 'a name is not enough');
});

void t.test('several servers keep the ConfigMap together', async (t) => {
  t.strictSame(authenticationData({ tls: {} }), {});
  const data = (ca: string, names: readonly string[]): Readonly<Record<string, string>> =>
    authenticationData({
      tls: { clientCa: ca },
      frontProxy: { ...headers, clientCa: ca, allowedNames: names },
    });
  const first = data(one.certificate, ['proxy']);
  t.equal(first['requestheader-username-headers'], '["X-Remote-User","X-Other-User"]');
  t.equal(mergeAuthenticationData(first, first, now), first, 'nothing to do');
  const both = mergeAuthenticationData({ ...first, more: 'x' }, data(two.certificate, ['other']), now);
  t.match(both, { more: 'x', 'requestheader-allowed-names': '["proxy","other"]' });
  t.equal(readCertificates(both['client-ca-file'] ?? '').length, 2);
  t.equal(mergeAuthenticationData(both, first, now), both, 'both servers are content');
  const anybody = mergeAuthenticationData(first, data(one.certificate, []), now);
  t.equal(anybody['requestheader-allowed-names'], '[]', 'no name at all is the widest');
  t.equal(mergeAuthenticationData(anybody, first, now), anybody);
  const stale = mergeAuthenticationData({ ...first, 'client-ca-file': old.certificate }, first, now);
  t.equal(readCertificates(stale['client-ca-file'] ?? '').length, 1, 'what has expired goes');
  t.match(mergeAuthenticationData({ 'requestheader-allowed-names': 'broken' }, first, now), {
    'requestheader-allowed-names': '["proxy"]',
  });
});
