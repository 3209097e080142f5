/** Which credentials go to a registry. */
import t from 'tap';
import type { Secret } from '../../../api/generated/core-v1.js';
import { pullCredentials } from '../../../kubelet/images/pull-credentials.js';

function secret(auths: Record<string, object>, type = 'kubernetes.io/dockerconfigjson'): Secret {
  const isOld = type === 'kubernetes.io/dockercfg';
  const text = JSON.stringify(isOld ? auths : { auths });
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's', namespace: 'n', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
    type,
    data: { [isOld ? '.dockercfg' : '.dockerconfigjson']: Buffer.from(text).toString('base64') },
  };
}

const as = (username: string): object => ({ username, password: 'x' });
const everything = secret({
  'registry.test:5000': as('port'),
  'registry.test': as('host'),
  'registry.test/team': as('team'),
  '*.wild.test': as('wild'),
  'https://index.docker.io/v1/': as('docker'),
  'auth.test': { auth: Buffer.from('coded:pass:word').toString('base64') },
  'broken.test': { auth: Buffer.from('nocolon').toString('base64') },
});

const rows: readonly [string, readonly string[]][] = [
  ['registry.test/web:1', ['host']],
  ['registry.test/team/web:1', ['team', 'host']],
  ['registry.test:5000/web:1', ['port']],
  ['a.wild.test/web:1', ['wild']],
  ['a.b.wild.test/web:1', []],
  ['web:1', ['docker']],
  ['library/web:1', ['docker']],
  ['docker.io/library/web:1', ['docker']],
  ['auth.test/web:1', ['coded']],
  ['broken.test/web:1', []],
  ['elsewhere.test/web:1', []],
];

void t.test('the credentials that fit, the most special ones first', async (t) => {
  for (const [image, expected] of rows)
    t.strictSame(
      pullCredentials(image, [everything]).map(({ username }) => username),
      expected,
      image,
    );
  t.strictSame(pullCredentials('auth.test/web:1', [everything]), [
    { username: 'coded', password: 'pass:word' },
  ]);
});

void t.test('the older form, several secrets, and what cannot be read', async (t) => {
  const old = secret({ 'registry.test': as('old') }, 'kubernetes.io/dockercfg');
  const noJson: Secret = { ...old, data: { '.dockercfg': Buffer.from('{').toString('base64') } };
  const names = pullCredentials('registry.test/web:1', [noJson, old, everything, everything]);
  t.strictSame(
    names.map(({ username }) => username),
    ['old', 'host'],
  );
});
