/** When the kubelet asks for tokens, when it renews them, and what it takes over from the kubelet before it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import type { TokenRequest } from '../../../api/generated/authentication-v1.js';
import type { Pod } from '../../../api/generated/core-v1.js';
import { StatusError } from '../../../api/status-error.js';
import { createMemoryClient } from '../../../client/memory-client.js';
import type { ApiClient } from '../../../client/types.js';
import { ManualClock } from '../../../common/clock.js';
import { silentLogger } from '../../../common/log.js';
import { readTokenFacts, renewalTimeMs } from '../../../kubelet/service-accounts/read-token.js';
import { TokenManager } from '../../../kubelet/service-accounts/token-manager.js';
import { makePod } from '../../support/scheduling-objects.js';

const pod = {
  ...makePod({ name: 'web' }),
  metadata: { name: 'web', namespace: 'default', uid: 'u1' },
} as Pod;
const projection = { path: 'token', expirationSeconds: 3607 };
const nowhere = '/nowhere/token';

function world(t: { teardown(what: () => void): void }) {
  const clock = new ManualClock();
  const asked: { readonly name: string; readonly spec: TokenRequest['spec'] }[] = [];
  const due: string[] = [];
  const state: { failure: StatusError | undefined } = { failure: undefined };
  const memory = createMemoryClient();
  const client: ApiClient = {
    ...memory,
    raw: (path) => memory.raw(path),
    close: () => memory.close(),
    resource: (definition) => {
      const resource = memory.resource(definition);
      resource.createSubresource = async ({ name }, _subresource, body) => {
        const { spec } = body as TokenRequest;
        asked.push({ name, spec });
        if (state.failure !== undefined) throw state.failure;
        const expirationTimestamp = new Date(
          clock.now() + (spec.expirationSeconds ?? 0) * 1000,
        ).toISOString();
        return { ...(body as TokenRequest), status: { token: `token-${asked.length}`, expirationTimestamp } };
      };
      return resource;
    },
  };
  const make = (): TokenManager =>
    new TokenManager({ client, clock, log: silentLogger, onDue: (uid) => due.push(uid), random: () => 0 });
  const folder = mkdtempSync(join(tmpdir(), 'knarr-tokens-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  return { clock, asked, due, state, manager: make(), make, folder };
}

await t.test('one request for all who ask, bound to the pod', async (t) => {
  const { manager, asked } = world(t);
  const all = await Promise.all([1, 2, 3].map(() => manager.get(pod, projection, nowhere)));
  t.strictSame(all, ['token-1', 'token-1', 'token-1']);
  t.strictSame(asked, [
    {
      name: 'default',
      spec: {
        audiences: [],
        expirationSeconds: 3607,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name: 'web', uid: 'u1' },
      },
    },
  ]);
  await manager.get(pod, { path: 'vault', audience: 'vault' }, nowhere);
  t.match(asked[1]?.spec, { audiences: ['vault'], expirationSeconds: 3600 });
});

await t.test('renewed after four fifths of its life; the old one serves while that fails', async (t) => {
  const { manager, asked, due, clock, state } = world(t);
  await manager.get(pod, projection, nowhere);
  clock.advance(2_885_000);
  t.strictSame(due, []);
  t.equal(await manager.get(pod, projection, nowhere), 'token-1');
  clock.advance(1_000);
  t.strictSame(due, ['u1'], 'the worker is told');
  state.failure = new StatusError('ServiceUnavailable', 'nobody there');
  t.equal(await manager.get(pod, projection, nowhere), 'token-1');
  clock.advance(30_000);
  t.equal(due.length, 2, 'and told again');
  state.failure = undefined;
  t.equal(await manager.get(pod, projection, nowhere), 'token-3');
  state.failure = new StatusError('Forbidden', 'not you');
  clock.advance(3_700_000);
  await t.rejects(manager.get(pod, projection, nowhere), { message: 'failed to fetch token: not you' });
  t.equal(asked.length, 4);
});

await t.test('nothing is left of a pod that is gone', async (t) => {
  const { manager, clock, due } = world(t);
  await manager.get(pod, projection, nowhere);
  const late = manager.get(pod, { path: 'other' }, nowhere);
  manager.forget('u1');
  await late;
  t.equal(clock.pendingTimers, 0);
  t.strictSame(due, []);
});

await t.test('the token in the file is taken over while it is good', async (t) => {
  const { make, asked, clock, folder } = world(t);
  const file = join(folder, 'token');
  const write = (podUid: string, issuedAgoSeconds: number): void => {
    const iat = clock.now() / 1000 - issuedAgoSeconds;
    const own = { serviceaccount: { name: 'default' }, pod: { uid: podUid }, warnafter: iat + 3607 };
    const claims = { iat, exp: iat + 31_536_000, 'kubernetes.io': own };
    writeFileSync(file, `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.x`);
  };
  write('u1', 600);
  t.match(await make().get(pod, projection, file), /^e30\./);
  t.equal(asked.length, 0, 'no request');
  write('u2', 600);
  t.equal(await make().get(pod, projection, file), 'token-1', 'of another pod');
  write('u1', 3000);
  t.equal(await make().get(pod, projection, file), 'token-2', 'due for renewal');
  writeFileSync(file, 'torn');
  t.equal(await make().get(pod, projection, file), 'token-3', 'damaged');
});

await t.test('facts of a token', async (t) => {
  t.equal(readTokenFacts(''), undefined);
  t.equal(readTokenFacts('a.e30.c'), undefined);
  t.equal(renewalTimeMs({ issuedMs: 0, expiresMs: 1000 }), 800);
  t.equal(renewalTimeMs({ issuedMs: 0, expiresMs: 40 * 3_600_000 }), 24 * 3_600_000, 'a day at the latest');
});
