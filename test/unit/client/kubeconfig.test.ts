import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { UsageError } from '../../../common/usage-error.js';
import { loadKubeconfig, parseKubeconfig } from '../../../client/kubeconfig.js';

const folder = mkdtempSync(join(tmpdir(), 'knarr-kubeconfig-'));
t.teardown(() => {
  rmSync(folder, { recursive: true, force: true });
});

const pem = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n';
const data = Buffer.from(pem).toString('base64');

function config(user: string, cluster = `certificate-authority-data: ${data}`): string {
  return `
apiVersion: v1
kind: Config
current-context: knarr
clusters: [{name: other, cluster: {server: 'https://other'}}, {name: c, cluster: {server: 'https://127.0.0.1:6443', ${cluster.replace(/: /, ": '").replace(/$/, "'")}}}]
users: [{name: u, user: {${user}}}]
contexts: [{name: knarr, context: {cluster: c, user: u}}, {name: broken, context: {cluster: none, user: u}}]
`;
}

void t.test('inline certificates', (t) => {
  const connection = parseKubeconfig(
    config(`client-certificate-data: ${data}, client-key-data: ${data}`),
    'k',
  );
  t.strictSame(connection, {
    server: 'https://127.0.0.1:6443',
    insecureSkipTlsVerify: false,
    ca: pem,
    cert: pem,
    key: pem,
  });
  t.end();
});

void t.test('files, beside the kubeconfig', (t) => {
  writeFileSync(join(folder, 'ca.crt'), pem);
  writeFileSync(join(folder, 'token'), 'secret\n');
  const file = join(folder, 'config');
  writeFileSync(file, config('tokenFile: token', 'certificate-authority: ca.crt'));
  t.match(loadKubeconfig(file), { ca: pem, token: 'secret' });
  t.end();
});

void t.test('what is wrong is named with its file and key', (t) => {
  const cases: [string, string, string | undefined, RegExp][] = [
    ['no YAML', '{', undefined, /k is not valid YAML/],
    ['a list', '[]', undefined, /k: the file is not a mapping/],
    ['no context', 'clusters: []', undefined, /k: current-context is missing/],
    ['an unknown context', config(''), 'none', /k: contexts has no entry named "none"/],
    ['an unknown cluster', config(''), 'broken', /k: clusters has no entry named "none"/],
    [
      'a certificate without its key',
      config(`client-certificate-data: ${data}`),
      undefined,
      /users\[u\]\.user\.client-key is missing/,
    ],
    [
      'data that is no PEM',
      config('client-key-data: eA=='),
      undefined,
      /users\[u\]\.user\.client-key-data is not PEM/,
    ],
    [
      'a missing file',
      config('client-key: none.key'),
      undefined,
      /users\[u\]\.user\.client-key names a file/,
    ],
    ['a login program', config('exec: {command: x}'), undefined, /users\[u\]\.user\.exec this way/],
    ['a number', config('token: 5'), undefined, /users\[u\]\.user\.token is not a string/],
  ];
  for (const [title, text, context, message] of cases) {
    t.throws(() => parseKubeconfig(text, 'k', context), message, title);
  }
  t.throws(() => loadKubeconfig(join(folder, 'none')), UsageError);
  t.end();
});
