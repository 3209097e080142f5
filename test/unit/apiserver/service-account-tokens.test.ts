/** Tokens of service accounts: what they say, how long they live, and every reason for which they are not believed. */
import { generateKeyPairSync } from 'node:crypto';
import t from 'tap';
import { BoundObjects } from '../../../apiserver/service-accounts/bound-objects.js';
import type { FoundObject } from '../../../apiserver/service-accounts/bound-objects.js';
import { makeClaims, problemOfClaims, readClaims } from '../../../apiserver/service-accounts/claims.js';
import type { ClaimsInput } from '../../../apiserver/service-accounts/claims.js';
import {
  keySet,
  readSigningKey,
  readVerificationKeys,
} from '../../../apiserver/service-accounts/signing-keys.js';
import { TokenIssuer } from '../../../apiserver/service-accounts/token-issuer.js';
import { tokenLife } from '../../../apiserver/service-accounts/token-life.js';
import { TokenVerifier } from '../../../apiserver/service-accounts/token-verifier.js';
import { ManualClock } from '../../../common/clock.js';
import { createSigningKey } from '../../../common/signing-key.js';
import { testIssuer, testSigningKey } from '../../support/signing-key.js';

const { privateKey, publicKey } = await testSigningKey();
const signingKey = readSigningKey(privateKey, 'sa.key');

await t.test('claims go through JSON and back', async (t) => {
  const claims = makeClaims({
    issuer: testIssuer,
    tokenId: 'id-1',
    audiences: ['a', 'b'],
    nowSeconds: 1000,
    lifeSeconds: 600,
    warnAfterSeconds: 60,
    namespace: 'shop',
    serviceAccount: { name: 'cart', uid: 'u1' },
    pod: { name: 'p', uid: 'u2' },
    node: { name: 'n', uid: '' },
  });
  t.strictSame(claims, {
    iss: testIssuer,
    sub: 'system:serviceaccount:shop:cart',
    aud: ['a', 'b'],
    exp: 1600,
    iat: 1000,
    nbf: 1000,
    jti: 'id-1',
    'kubernetes.io': {
      namespace: 'shop',
      serviceaccount: { name: 'cart', uid: 'u1' },
      pod: { name: 'p', uid: 'u2' },
      node: { name: 'n', uid: '' },
      warnafter: 1060,
    },
  });
  t.strictSame(readClaims(JSON.parse(JSON.stringify(claims))), { kind: 'claims', claims });
  t.equal(readClaims({ ...claims, aud: 'a' }).kind, 'claims', 'one audience may stand alone');
  for (const broken of [undefined, 'text', {}, { ...claims, exp: 'soon' }, { ...claims, aud: [1] }])
    t.equal(readClaims(broken).kind, 'unreadable', JSON.stringify(broken));
});

await t.test('when claims hold', async (t) => {
  const claims = makeClaims({
    issuer: testIssuer,
    tokenId: '',
    audiences: [],
    nowSeconds: 1000,
    lifeSeconds: 600,
    namespace: 'shop',
    serviceAccount: { name: 'cart', uid: 'u1' },
  });
  const problemAt = (nowSeconds: number, issuers = [testIssuer]): string | undefined =>
    problemOfClaims(claims, { issuers, nowSeconds });
  t.equal(problemAt(1000), undefined);
  t.equal(problemAt(1660), undefined, 'a minute is forgiven');
  t.equal(problemAt(1661), 'service account token has expired');
  t.equal(problemAt(940), undefined);
  t.equal(problemAt(939), 'service account token is not valid yet');
  t.equal(problemAt(1000, ['https://other']), `the issuer ${testIssuer} is not accepted`);
  t.equal(
    problemOfClaims(
      { ...claims, sub: 'system:serviceaccount:shop:admin' },
      { issuers: [testIssuer], nowSeconds: 1000 },
    ),
    'the subject of the token is not its service account',
  );
});

await t.test('how long a token lives', async (t) => {
  const projected = {
    requestedSeconds: 3607,
    maxSeconds: undefined,
    extend: true,
    isPodBound: true,
    isForServer: true,
  };
  const year = 365 * 24 * 3600;
  const table: [string, Partial<Parameters<typeof tokenLife>[0]>, object][] = [
    ['of a pod', {}, { requestedSeconds: 3607, lifeSeconds: year, warnAfterSeconds: 3607, shortened: false }],
    ['not extended', { extend: false }, { lifeSeconds: 3607 }],
    ['not of a pod', { isPodBound: false }, { lifeSeconds: 3607 }],
    ['for somebody else', { isForServer: false }, { lifeSeconds: 3607 }],
    ['of another length', { requestedSeconds: 3600 }, { lifeSeconds: 3600 }],
    ['cut', { requestedSeconds: 9000, maxSeconds: 7200 }, { requestedSeconds: 7200, shortened: true }],
    [
      'extended and cut',
      { maxSeconds: 7200 },
      { lifeSeconds: 7200, warnAfterSeconds: 3607, shortened: false },
    ],
  ];
  for (const [name, change, expected] of table)
    t.match(tokenLife({ ...projected, ...change }), expected, name);
});

await t.test('keys', async (t) => {
  const [fromPublic] = readVerificationKeys(publicKey, 'sa.pub');
  t.equal(fromPublic?.id, signingKey.id, 'both halves have one ID');
  t.equal(readVerificationKeys(publicKey + privateKey, 'both').length, 2);
  const set = keySet([signingKey, signingKey]);
  t.equal(set.keys.length, 1);
  t.match(set.keys[0], {
    kty: 'RSA',
    alg: 'RS256',
    use: 'sig',
    kid: signingKey.id,
    n: String,
    e: 'AQAB',
    d: undefined,
  });
  const pem = (type: 'rsa' | 'ec'): string =>
    (type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 1024 })
      : generateKeyPairSync('ec', { namedCurve: 'P-256' })
    ).privateKey
      .export({ format: 'pem', type: 'pkcs8' })
      .toString();
  t.equal(readSigningKey(pem('ec'), 'ec').algorithm, 'ES256');
  t.throws(() => readSigningKey(pem('rsa'), 'weak.key'), /weak\.key .*1024 bits is too weak/);
  t.throws(() => readSigningKey('nothing', 'sa.key'), /sa\.key holds no private key/);
  t.throws(() => readVerificationKeys('nothing', 'sa.pub'), /sa\.pub holds no key/);
});

interface World {
  readonly clock: ManualClock;
  readonly objects: Map<string, FoundObject>;
  readonly verifier: TokenVerifier;
  readonly issue: (change?: Partial<ClaimsInput>) => Promise<string>;
}

function world(): World {
  const clock = new ManualClock();
  const objects = new Map<string, FoundObject>([
    ['service account shop/cart', { uid: 'u1' }],
    ['pod shop/p', { uid: 'u2' }],
    ['secret shop/s', { uid: 'u3' }],
    ['node /n', { uid: 'u4' }],
  ]);
  const issuer = new TokenIssuer(testIssuer, signingKey);
  return {
    clock,
    objects,
    verifier: new TokenVerifier({
      issuers: [testIssuer],
      keys: readVerificationKeys(publicKey, 'sa.pub'),
      audiences: ['server'],
      objects: new BoundObjects(async (kind, namespace, name) => objects.get(`${kind} ${namespace}/${name}`)),
      clock,
    }),
    issue: (change) =>
      issuer.issue({
        audiences: ['server'],
        nowSeconds: Math.floor(clock.now() / 1000),
        lifeSeconds: 600,
        namespace: 'shop',
        serviceAccount: { name: 'cart', uid: 'u1' },
        ...change,
      }),
  };
}

await t.test('who a token stands for', async (t) => {
  const { verifier, issue } = world();
  const token = await issue({ pod: { name: 'p', uid: 'u2' }, node: { name: 'gone', uid: 'u9' } });
  const verdict = await verifier.authenticateToken(token);
  t.match(verdict, {
    kind: 'accepted',
    audiences: ['server'],
    user: {
      name: 'system:serviceaccount:shop:cart',
      uid: 'u1',
      groups: ['system:serviceaccounts', 'system:serviceaccounts:shop', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [/^JTI=[0-9a-f-]{36}$/],
        'authentication.kubernetes.io/pod-name': ['p'],
        'authentication.kubernetes.io/pod-uid': ['u2'],
        'authentication.kubernetes.io/node-name': ['gone'],
        'authentication.kubernetes.io/node-uid': ['u9'],
      },
    },
  });
});

await t.test('why a token is not believed', async (t) => {
  const foreign = new TokenIssuer(testIssuer, readSigningKey((await createSigningKey()).privateKey, 'other'));
  const unsigned = (token: string): string => {
    const [, payload = ''] = token.split('.');
    return `${Buffer.from('{"alg":"none"}').toString('base64url')}.${payload}.`;
  };
  const table: [string, (world: World) => Promise<string>, RegExp][] = [
    ['no token', async () => 'x', /no signed JWT/],
    ['no parts', async () => 'a.b.c', /no signed JWT/],
    ['without signature', async ({ issue }) => unsigned(await issue()), /not by a key of this cluster/],
    ['altered', async ({ issue }) => altered(await issue()), /not by a key of this cluster/],
    [
      'of another key',
      async () =>
        foreign.issue({
          audiences: ['server'],
          nowSeconds: 0,
          lifeSeconds: 600,
          namespace: 'shop',
          serviceAccount: { name: 'cart', uid: 'u1' },
        }),
      /not by a key of this cluster/,
    ],
    ['for others', ({ issue }) => issue({ audiences: ['vault'] }), /token audiences \["vault"\] is invalid/],
    ['expired', ({ issue, clock }) => issue({ nowSeconds: clock.now() / 1000 - 700 }), /has expired/],
    ['too early', ({ issue, clock }) => issue({ nowSeconds: clock.now() / 1000 + 700 }), /not valid yet/],
    [
      'account gone',
      ({ issue }) => issue({ serviceAccount: { name: 'old', uid: 'u1' } }),
      /service account "old" .*is gone/,
    ],
    [
      'account made anew',
      ({ issue }) => issue({ serviceAccount: { name: 'cart', uid: 'u0' } }),
      /service account UID \(u1\) does not match claim \(u0\)/,
    ],
    ['pod gone', ({ issue }) => issue({ pod: { name: 'q', uid: 'u2' } }), /pod "q" .*is gone/],
    [
      'pod made anew',
      ({ issue }) => issue({ pod: { name: 'p', uid: 'u0' } }),
      /pod UID \(u2\) does not match/,
    ],
    ['secret gone', ({ issue }) => issue({ secret: { name: 'q', uid: 'u3' } }), /secret "q" .*is gone/],
    ['node gone', ({ issue }) => issue({ node: { name: 'm', uid: 'u4' } }), /node "m" .*is gone/],
  ];
  for (const [name, make, reason] of table) {
    const one = world();
    t.match(await one.verifier.authenticateToken(await make(one)), { kind: 'rejected', reason }, name);
  }
});

await t.test('what happens to its objects counts after ten seconds, deletion after a minute', async (t) => {
  const { verifier, issue, objects, clock } = world();
  const token = await issue({ pod: { name: 'p', uid: 'u2' } });
  const verdict = async (): Promise<string> => (await verifier.authenticateToken(token)).kind;
  t.equal(await verdict(), 'accepted');
  const deletionTimestamp = new Date(clock.now()).toISOString();
  objects.set('pod shop/p', { uid: 'u2', deletionTimestamp });
  clock.advance(30_000);
  t.equal(await verdict(), 'accepted', 'a pod may clean up');
  clock.advance(31_000);
  t.equal(await verdict(), 'rejected');
  objects.set('pod shop/p', { uid: 'u2' });
  t.equal(await verdict(), 'accepted', 'a rejection is not remembered');
  objects.delete('pod shop/p');
  t.equal(await verdict(), 'accepted', 'looked at a moment ago');
  clock.advance(10_000);
  t.equal(await verdict(), 'rejected');
});

function altered(token: string): string {
  const [header = '', , signature = ''] = token.split('.');
  return `${header}.${Buffer.from('{"sub":"admin"}').toString('base64url')}.${signature}`;
}
